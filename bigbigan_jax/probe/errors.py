"""What can be wrong with features that are to be probed."""


class ProbeError(ValueError):
    """Says in one line what is wrong with features or labels, and what would be right."""
