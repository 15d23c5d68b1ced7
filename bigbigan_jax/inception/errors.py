"""What can be wrong with a file of Inception's weights."""

from bigbigan_jax.errors import UserError


class WeightsError(UserError, RuntimeError):
    """Says in one line which file is wrong and what would be right."""
