"""What the commands answer with one line."""


class UserError(Exception):
    """Something that the user can mend: one line that names it and says what would be right."""
