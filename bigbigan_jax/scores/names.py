"""What scores are called among the metrics of a checkpoint."""

import re

_PATTERN = re.compile(
    r"is|(fid|kid|precision|recall|density|coverage)_(64|192|768|2048)/(?!quick$).+"
)


def metric_name(score: str, reference: str) -> str:
    """The name of a score against a reference, such as "fid_2048/train"; "is" has none."""
    return score if score == "is" else f"{score}/{reference}"


def is_metric_name(name: str) -> bool:
    """Whether `python -m bigbigan_jax.evaluate` may find a metric of this name.

    Not so "fid_768/quick" and the like, which training finds.
    """
    return bool(_PATTERN.fullmatch(name))
