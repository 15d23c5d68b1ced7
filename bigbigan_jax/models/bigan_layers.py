"""What BiGAN's networks (arXiv 1605.09782) share, as in its authors' code."""

from typing import Any

import flax.linen as nn
import jax

from bigbigan_jax.models import layers

BATCH_NORM_EPSILON = 1e-8
STDDEV = 0.02  # of initial values


def leaky_relu(x: jax.Array) -> jax.Array:
    """LeakyReLU of slope 0.2."""
    return nn.leaky_relu(x, 0.2)


def batch_norm(train: bool, dtype: Any, name: str, affine: bool) -> nn.BatchNorm:
    """`layers.batch_norm` with BiGAN's small epsilon.

    Args:
      train: as there.
      dtype: as there.
      name: as there.
      affine: whether it has a learned gain and offset: on ImageNet it has, on MNIST not.
    """
    # A fast variance would cancel to less than so small an epsilon.
    options = {"epsilon": BATCH_NORM_EPSILON, "use_fast_variance": False}
    return layers.batch_norm(train, dtype, name, affine, **options)


def scaled_channels(channels: int, width: float) -> int:
    """Channels times a factor, rounded to an even number, for two groups; at least 2."""
    return max(2, 2 * round(channels * width / 2))
