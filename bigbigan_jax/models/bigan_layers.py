"""What BiGAN's networks (arXiv 1605.09782) share, as in its authors' code."""

from typing import Any

import flax.linen as nn
import jax

from bigbigan_jax.models.layers import BATCH_NORM_MOMENTUM

BATCH_NORM_EPSILON = 1e-8
STDDEV = 0.02  # of initial values


def leaky_relu(x: jax.Array) -> jax.Array:
    """LeakyReLU of slope 0.2."""
    return nn.leaky_relu(x, 0.2)


def batch_norm(train: bool, dtype: Any, name: str, affine: bool) -> nn.BatchNorm:
    """BatchNorm with BiGAN's small epsilon.

    Args:
      train: normalise by the batch's moments and update the running averages, rather than
        normalise by the stored moments.
      dtype: of the output; moments are computed in float32.
      name: of the submodule.
      affine: whether it has a learned gain and offset: on ImageNet it has, on MNIST not.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=BATCH_NORM_EPSILON,
        use_scale=affine,
        use_bias=affine,
        use_fast_variance=False,  # it would cancel to less than so small an epsilon
        dtype=dtype,
        name=name,
    )


def scaled_channels(channels: int, width: float) -> int:
    """Channels times a factor, rounded to an even number, for two groups; at least 2."""
    return max(2, 2 * round(channels * width / 2))
