"""What can be wrong with features that are to be probed."""

from bigbigan_jax.errors import UserError


class ProbeError(UserError, ValueError):
    """Says in one line what is wrong with features or labels, and what would be right."""
