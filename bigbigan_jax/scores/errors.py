"""What can be wrong with features that are to be scored."""

from bigbigan_jax.errors import UserError


class ScoreError(UserError, ValueError):
    """Says in one line what is wrong with features or probabilities, and what would be right."""
