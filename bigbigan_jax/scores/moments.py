"""Mean and covariance of features that need not be in memory together."""

import dataclasses
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bigbigan_jax.scores.arrays import as_rows, check_widths
from bigbigan_jax.scores.errors import ScoreError


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter of features.

    Merged exactly, however large the mean is (Chan, Golub and LeVeque 1979, "Updating formulae
    and a pairwise algorithm for computing sample variances", section 2). Each sum costs time by
    D² whatever the counts, so a part should be some hundreds of features or more.

    Attributes:
      count: how many features, 1 or more.
      mean: float64 [D].
      scatter: float64 [D, D], the sum of the outer products of features less their mean.

    Raises:
      ScoreError: the shapes do not fit together, no features, or numbers that are not finite.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    def __post_init__(self) -> None:
        mean, scatter = np.asarray(self.mean, np.float64), np.asarray(self.scatter, np.float64)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "scatter", scatter)
        if mean.ndim != 1 or scatter.shape != (*mean.shape, *mean.shape):
            shapes = f"{list(mean.shape)} and {list(scatter.shape)}"
            raise ScoreError(f"mean and scatter have shapes {shapes}; they must be [D] and [D, D]")
        if self.count < 1:
            raise ScoreError(f"moments of {self.count} features; there must be 1 or more")
        if not (np.isfinite(mean).all() and np.isfinite(scatter).all()):
            raise ScoreError("moments hold NaN or infinity; all must be finite")

    @classmethod
    def of(cls, features: ArrayLike) -> Self:
        """Moments of features [N, D].

        Raises:
          ScoreError: another shape, no features, or numbers that are not finite.
        """
        rows = as_rows(features, "features")
        mean = rows.mean(axis=0)
        centred = rows - mean
        return cls(len(rows), mean, centred.T @ centred)

    @property
    def width(self) -> int:
        """D, the number of features of an image."""
        return len(self.mean)

    @property
    def covariance(self) -> np.ndarray:
        """Float64 [D, D], unbiased: as `np.cov` has it.

        Raises:
          ScoreError: there are fewer than 2 features.
        """
        if self.count < 2:
            raise ScoreError("the covariance of 1 feature; there must be 2 or more")
        return self.scatter / (self.count - 1)

    def __add__(self, other: "Moments") -> "Moments":
        """Moments of both sets together; ScoreError where the widths differ."""
        if not isinstance(other, Moments):
            return NotImplemented
        check_widths(self.width, other.width)
        count = self.count + other.count
        apart = other.mean - self.mean
        between = self.count * other.count / count * np.outer(apart, apart)
        mean = self.mean + apart * (other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    def without(self, part: "Moments") -> "Moments":
        """Moments of all that are not in a part: what was added to it to make these.

        Raises:
          ScoreError: the widths differ, or the part leaves none.
        """
        check_widths(self.width, part.width)
        count = self.count - part.count
        if count < 1:
            raise ScoreError(f"{self.count} features without {part.count}; 1 or more must be left")
        mean = self.mean + (self.mean - part.mean) * (part.count / count)
        apart = part.mean - mean
        between = count * part.count / self.count * np.outer(apart, apart)
        return Moments(count, mean, self.scatter - part.scatter - between)
