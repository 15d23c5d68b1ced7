"""The one error of this package."""


class DataError(ValueError):
    """Data that is missing, wrong or unreadable.

    The message is one line that names what is wrong (source, split, record, field or
    argument) and what would be right.
    """
