"""The Inception Score (arXiv 1606.03498, section 4), from probabilities of classes."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from bigbigan_jax.scores.arrays import as_rows
from bigbigan_jax.scores.errors import ScoreError

_TOLERANCE = 1e-3  # of the sum of an image's probabilities


@dataclasses.dataclass(frozen=True, eq=False)
class InceptionSplit:
    """Sums over the images of one split; those of parts are merged by `+`.

    Attributes:
      count: how many images.
      probabilities: float64 [C], the sum of p.
      p_log_p: the sum of p log p, over images and classes; 0 or less.
    """

    count: int
    probabilities: np.ndarray
    p_log_p: float

    @classmethod
    def of(cls, probabilities: ArrayLike) -> Self:
        """Sums over images.

        Args:
          probabilities: p(y|x), [N, C]; each row sums to 1.

        Raises:
          ScoreError: another shape, no images, or rows that are not probabilities.
        """
        rows = as_rows(probabilities, "probabilities")
        if (rows < 0).any():
            raise ScoreError(f"a probability is {rows.min():g}; all must be 0 or more")
        sums = rows.sum(axis=1)
        worst = sums[np.abs(sums - 1).argmax()]
        if abs(worst - 1) > _TOLERANCE:
            raise ScoreError(f"probabilities of an image sum to {worst:g}; they must sum to 1")
        return cls(len(rows), rows.sum(axis=0), float(xlogy(rows, rows).sum()))

    def __add__(self, other: "InceptionSplit") -> "InceptionSplit":
        """Sums over the images of both; ScoreError where the classes differ."""
        if not isinstance(other, InceptionSplit):
            return NotImplemented
        classes = len(self.probabilities), len(other.probabilities)
        if classes[0] != classes[1]:
            raise ScoreError(f"splits of {classes[0]} and {classes[1]} classes; it must be as many")
        return InceptionSplit(
            self.count + other.count,
            self.probabilities + other.probabilities,
            self.p_log_p + other.p_log_p,
        )

    @property
    def value(self) -> float:
        """exp(E_x KL(p(y|x) ‖ p(y))), from 1 to C (arXiv 1606.03498, section 4)."""
        marginal = self.probabilities / self.count
        return math.exp(self.p_log_p / self.count - xlogy(marginal, marginal).sum())


def inception_score(splits: Sequence[InceptionSplit]) -> tuple[float, float]:
    """Mean and standard deviation of the score over splits, as the authors' code reports them.

    Args:
      splits: ten of 5,000 images in the paper's comparisons. Fewer images make the score lower.

    Returns:
      The mean, and the standard deviation of the population (divided by the number of splits).

    Raises:
      ScoreError: there are no splits.
    """
    if not splits:
        raise ScoreError("an Inception Score of 0 splits; there must be 1 or more")
    values = [split.value for split in splits]
    return float(np.mean(values)), float(np.std(values))
