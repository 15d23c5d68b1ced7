"""What goes wrong while data is prepared."""

from bigbigan_jax.errors import UserError


class PrepareError(UserError, ValueError):
    """Data cannot be prepared.

    The message is one line that names the file, folder, flag or field and what would be right.
    """


def in_one_line(error: BaseException) -> str:
    """Returns the kind of an exception and its message, shortened, without line breaks."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
