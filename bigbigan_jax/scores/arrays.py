"""Features and probabilities as float64, once they are known to be sound."""

import numpy as np
from numpy.typing import ArrayLike

from bigbigan_jax.scores.errors import ScoreError


def as_rows(values: ArrayLike, name: str) -> np.ndarray:
    """One row per image, float64 [N, D]; not a copy of what already is that.

    Args:
      values: numbers, [N, D].
      name: what an error calls them.

    Raises:
      ScoreError: the shape is another, a dimension is empty or a number is not finite.
    """
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ScoreError(f"{name} have shape {list(rows.shape)}; it must be [N, D], N and D over 0")
    if not np.isfinite(rows).all():
        raise ScoreError(f"{name} hold NaN or infinity; all must be finite")
    return rows


def as_pair(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Features of two sets of images, float64 [N, D] and [M, D].

    Raises:
      ScoreError: as of `as_rows`, or the widths differ.
    """
    first, second = as_rows(a, "features"), as_rows(b, "features")
    check_widths(first.shape[1], second.shape[1])
    return first, second


def check_widths(a: int, b: int) -> None:
    """Raises ScoreError unless two widths are the same."""
    if a != b:
        raise ScoreError(f"features of widths {a} and {b}; both must be of one network")
