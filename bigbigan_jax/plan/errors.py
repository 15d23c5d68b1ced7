"""What goes wrong before or while a plan is made."""


class PlanError(ValueError):
    """A slice is wrong, the TPU compiler is missing or refuses; the message is one line."""


class SliceError(PlanError):
    """A slice is not written as one of its generation; the message is one line."""
