"""The network of FID and the Inception Score, and the user's weights for it."""

from bigbigan_jax.inception.errors import WeightsError
from bigbigan_jax.inception.features import InceptionFeatures
from bigbigan_jax.inception.network import LOGITS, SIDE, TAPS, Inception
from bigbigan_jax.inception.weights import DEFAULT, InceptionWeights, read_weights

__all__ = [
    "DEFAULT",
    "LOGITS",
    "SIDE",
    "TAPS",
    "Inception",
    "InceptionFeatures",
    "InceptionWeights",
    "WeightsError",
    "read_weights",
]
