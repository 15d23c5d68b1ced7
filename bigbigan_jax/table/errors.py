"""What can be wrong with a table."""

from bigbigan_jax.errors import UserError


class TableError(UserError):
    """Says in one line which row or file is wrong, and what would be right."""
