"""The Fréchet distance between two sets of features (arXiv 1706.08500, section 3).

With features of an Inception network it is the FID. It is the squared 2-Wasserstein distance
between Gaussians with the moments of the two sets.
"""

import functools
import math
import operator
from collections.abc import Iterable, Sequence

import numpy as np
import scipy.linalg
from absl import logging
from threadpoolctl import threadpool_limits

from bigbigan_jax.scores.arrays import check_widths
from bigbigan_jax.scores.errors import ScoreError
from bigbigan_jax.scores.moments import Moments


class FrechetReference:
    """What distances are taken to; its covariance is decomposed once for all of them."""

    def __init__(self, moments: Moments) -> None:
        """Decomposes the covariance; ScoreError for fewer than 2 features."""
        self.moments = moments
        covariance = moments.covariance
        self._trace = np.trace(covariance)
        with _one_thread():
            values, vectors = scipy.linalg.eigh(
                covariance, driver="evd", overwrite_a=True, check_finite=False
            )
        # [D, D]; times its own transpose it is the covariance.
        self._root = vectors * np.sqrt(np.maximum(values, 0))

    def distance(self, moments: Moments) -> float:
        """|m_a − m_b|² + Tr(C_a + C_b − 2 (C_a C_b)^½), 0 or more (arXiv 1706.08500, eq. 6).

        With C_a = R Rᵀ, the products C_a C_b and Rᵀ C_b R have the same eigenvalues. The latter is
        symmetric, so they come out real, and singular covariances do no harm.

        Raises:
          ScoreError: the widths differ, or there are fewer than 2 features.
        """
        check_widths(self.moments.width, moments.width)
        covariance = moments.covariance
        product = self._root.T @ covariance @ self._root
        with _one_thread():
            # Its transpose, which is the same but in Fortran's order, so that no copy is made.
            squares = scipy.linalg.eigvalsh(
                product.T, driver="evd", overwrite_a=True, check_finite=False
            )
        means = np.sum((self.moments.mean - moments.mean) ** 2)
        covariances = self._trace + np.trace(covariance)
        # Between equal sets, rounding alone could make it negative.
        return max(0.0, float(means + covariances - 2 * np.sqrt(np.maximum(squares, 0)).sum()))


def frechet_distance(a: Moments, b: Moments) -> float:
    """The Fréchet distance between two sets (arXiv 1706.08500, section 3); see FrechetReference.

    Raises:
      ScoreError: the widths differ, or a set has fewer than 2 features.
    """
    return FrechetReference(a).distance(b)


def frechet_with_error(
    parts: Sequence[Moments], reference: FrechetReference
) -> tuple[float, float]:
    """The Fréchet distance of all parts together, and how far chance may have moved it.

    The standard error is that of the jackknife that leaves out a part at a time (Efron and
    Tibshirani, An Introduction to the Bootstrap, chapter 11). It knows of the choice of the
    samples in the parts alone: not of the choice of the reference, nor of the bias upwards that
    few samples bring.

    Args:
      parts: of independent samples, about as many in each.
      reference: distances are to it; its own samples count as given.

    Returns:
      The distance, and its standard error.

    Raises:
      ScoreError: fewer than 2 parts, other widths, or fewer than 2 features without some part.
    """
    groups = len(parts)
    if groups < 2:
        raise ScoreError(f"a standard error from {groups} parts; there must be 2 or more")
    whole = functools.reduce(operator.add, parts)
    values = np.array([reference.distance(whole.without(part)) for part in parts])
    error = math.sqrt((groups - 1) / groups * np.sum((values - values.mean()) ** 2))
    return reference.distance(whole), error


def warn_if_few(count: int, widths: Iterable[int], name: str) -> None:
    """Logs a warning where a set is too small for its Fréchet distances to mean much.

    Args:
      count: of samples in the set.
      widths: of their features.
      name: what the warning calls the set.
    """
    singular = [f"{width}-D" for width in widths if count <= width]
    if singular:
        logging.warning(
            "%s: %d samples; the covariance of %s features is singular and the Fréchet distance"
            " too large, so compare it only with others from as many samples",
            name,
            count,
            ", ".join(singular),
        )


def _one_thread() -> threadpool_limits:
    """OpenBLAS on one thread: its threads wait busily for each other in a decomposition.

    At D = 2048 one thread takes a second, and two, on cores that others use too, twenty.
    """
    return threadpool_limits(1, user_api="blas")
