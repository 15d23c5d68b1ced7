"""How faithful and how diverse generated images are, by nearest neighbours in feature space.

Precision and recall are the improved ones of arXiv 1904.06991, section 2; density and coverage
are those of arXiv 2002.09797, section 3.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from bigbigan_jax.scores.arrays import as_pair
from bigbigan_jax.scores.errors import ScoreError

PR_NEIGHBOURS, DC_NEIGHBOURS = 3, 5  # of the papers
_MEBIBYTES = 256  # of distances at a time
_INSIDE = 1 - 1e-9  # of a radius: by more than rounding


@dataclasses.dataclass(frozen=True)
class Manifold:
    """Four shares of samples that lie where those of the other set are.

    Attributes:
      precision: of generated samples that lie in some real sample's ball, 0 to 1.
      recall: of real samples that lie in some generated sample's ball, 0 to 1.
      density: in how many real samples' balls a generated sample lies, on average and divided by
        k; about 1 where both sets are alike, and it may be more.
      coverage: of real samples whose balls hold some generated sample, 0 to 1.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(
    real: ArrayLike,
    generated: ArrayLike,
    pr_neighbours: int = PR_NEIGHBOURS,
    dc_neighbours: int = DC_NEIGHBOURS,
) -> Manifold:
    """Precision, recall, density and coverage; distances are computed in blocks.

    The ball of a sample reaches to its k-th nearest other sample of its own set. As in the
    authors' code, the surface belongs to the ball for precision and recall, but not for density
    and coverage: so a set without duplicates has density 1 against itself.

    Args:
      real: features [N, D].
      generated: features [M, D].
      pr_neighbours: k of precision and recall, 3 in the paper.
      dc_neighbours: k of density and coverage, 5 in the paper.

    Returns:
      The four shares.

    Raises:
      ScoreError: other widths, k samples or fewer, k below 1, or numbers that are not finite.
    """
    real, generated = as_pair(real, generated)
    most, fewest = max(pr_neighbours, dc_neighbours), min(pr_neighbours, dc_neighbours)
    if fewest < 1:
        raise ScoreError(f"{fewest} neighbours; there must be 1 or more")
    for name, rows in {"real": real, "generated": generated}.items():
        if len(rows) <= most:
            raise ScoreError(
                f"{len(rows)} {name} samples; {most} neighbours need at least {most + 1}"
            )
    # Distances are computed from squared lengths, and so lose fewer digits near the origin.
    centre = real.mean(axis=0)
    real, generated = real - centre, generated - centre
    real_radii = _radii(real, most)
    pr_radii, dc_radii = real_radii[:, [pr_neighbours - 1]], real_radii[:, [dc_neighbours - 1]]
    generated_radii = _radii(generated, pr_neighbours)[:, -1]

    faithful = np.zeros(len(generated), bool)
    recalled, covered, balls, start = 0, 0, 0, 0
    for block in pairwise_distances_chunked(real, generated, working_memory=_MEBIBYTES):
        rows = slice(start, start + len(block))
        start += len(block)
        faithful |= (block <= pr_radii[rows]).any(axis=0)
        recalled += (block <= generated_radii[None]).any(axis=1).sum()
        inside = block < dc_radii[rows] * _INSIDE
        balls += inside.sum()
        covered += inside.any(axis=1).sum()
    return Manifold(
        precision=float(faithful.mean()),
        recall=float(recalled / len(real)),
        density=float(balls / (dc_neighbours * len(generated))),
        coverage=float(covered / len(real)),
    )


def _radii(rows: np.ndarray, k: int) -> np.ndarray:
    """Distances of each sample to its 1st to k-th nearest others, [N, k]."""
    # Asked for no points, scikit-learn leaves out of each sample's neighbours the sample itself.
    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows).kneighbors()[0]
