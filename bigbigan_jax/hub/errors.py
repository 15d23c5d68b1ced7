"""What can be wrong with a file to load, or with what a model is given."""

from bigbigan_jax.errors import UserError


class LoadError(UserError, RuntimeError):
    """Says in one line which file or workdir cannot be loaded, and what could be."""


class InputError(UserError, ValueError):
    """Says in one line what is wrong with images or latents, and what would be right."""
