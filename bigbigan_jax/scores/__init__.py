"""Scores of generated images, from features or class probabilities that a network gave them.

Mathematics on the host in float64; nothing here knows of the network.
"""

from bigbigan_jax.scores.errors import ScoreError
from bigbigan_jax.scores.frechet import (
    FrechetReference,
    frechet_distance,
    frechet_with_error,
    warn_if_few,
)
from bigbigan_jax.scores.inception_score import InceptionSplit, inception_score
from bigbigan_jax.scores.kernel import kernel_distance, mmd2
from bigbigan_jax.scores.manifold import DC_NEIGHBOURS, Manifold, manifold_scores
from bigbigan_jax.scores.moments import Moments
from bigbigan_jax.scores.names import is_metric_name, metric_name

__all__ = [
    "DC_NEIGHBOURS",
    "FrechetReference",
    "InceptionSplit",
    "Manifold",
    "Moments",
    "ScoreError",
    "frechet_distance",
    "frechet_with_error",
    "inception_score",
    "is_metric_name",
    "kernel_distance",
    "manifold_scores",
    "metric_name",
    "mmd2",
    "warn_if_few",
]
