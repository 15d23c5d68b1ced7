"""Features for probes (arXiv 1907.02544)."""

import jax
import jax.numpy as jnp

from bigbigan_jax.models.layers import BATCH_NORM_EPSILON

SOWN = "features"  # the name of D's own features among its "intermediates"


def bn_crelu(features: jax.Array, mean: jax.Array, variance: jax.Array) -> jax.Array:
    """BN+CReLU: normalised features, their positive and their negative part side by side.

    h = BatchNorm(features), without a learned scale and offset; [ReLU(h), ReLU(-h)].

    Args:
      features: AvePool features [B, F].
      mean: of the features over training images, [F].
      variance: likewise.

    Returns:
      [B, 2·F].
    """
    h = (features - mean[None]) * jax.lax.rsqrt(variance + BATCH_NORM_EPSILON)[None]
    return jnp.concatenate([jax.nn.relu(h), jax.nn.relu(-h)], axis=-1)
