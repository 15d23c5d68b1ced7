"""All scores of a set of images against a reference."""

import dataclasses
import math

from bigbigan_jax.evaluate.collecting import Collected
from bigbigan_jax.evaluate.references import Reference
from bigbigan_jax.scores import (
    DC_NEIGHBOURS,
    frechet_with_error,
    inception_score,
    kernel_distance,
    manifold_scores,
    warn_if_few,
)


@dataclasses.dataclass(frozen=True)
class Score:
    """A number and how far chance may have moved it.

    Attributes:
      value: the score.
      spread: see `scores_of`; NaN where there is none.
    """

    value: float
    spread: float = math.nan


def scores_of(generated: Collected, reference: Reference) -> dict[str, Score]:
    """Scores of generated images.

    Returns:
      By name, W a width of features and the last one the widest: "fid_W", spread by its jackknife
      standard error over the parts; "is", by its standard deviation over the parts; "kid_W", by its
      standard deviation over subsets; "precision_W", "recall_W", "density_W", "coverage_W". The
      last four need more images than neighbours.
    """
    found = {}
    warn_if_few(generated.count, generated.moments, "the images")
    warn_if_few(reference.count, generated.moments, reference.name)
    for width, parts in generated.moments.items():
        found[f"fid_{width}"] = Score(*frechet_with_error(parts, reference.frechet[width]))
    if generated.splits:
        found["is"] = Score(*inception_score(generated.splits))
    width = max(generated.moments)
    found[f"kid_{width}"] = Score(*kernel_distance(generated.kept, reference.kept))
    if min(len(generated.kept), len(reference.kept)) > DC_NEIGHBOURS:
        manifold = manifold_scores(reference.kept, generated.kept)
        for name, value in dataclasses.asdict(manifold).items():
            found[f"{name}_{width}"] = Score(value)
    return found
