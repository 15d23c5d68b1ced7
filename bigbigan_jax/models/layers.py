"""Layers shared by the networks."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from bigbigan_jax.models.attention import attention
from bigbigan_jax.models.spectral_norm import SNConv, SNDense

BATCH_NORM_EPSILON = 1e-4
BATCH_NORM_MOMENTUM = 0.99


def batch_norm(
    train: bool,
    dtype: Any,
    name: str,
    affine: bool = True,
    epsilon: float = BATCH_NORM_EPSILON,
    use_fast_variance: bool = True,
) -> nn.BatchNorm:
    """BatchNorm with the constants that BigBiGAN's G and E share, unless told otherwise.

    Under `jax.jit` with a sharded batch the moments are those of the global batch, as in the
    paper (arXiv 1907.02544, section 3).

    Args:
      train: normalise by the batch's moments and update the running averages, rather than
        normalise by the stored moments.
      dtype: of the output; moments are computed in float32.
      name: of the submodule.
      affine: whether it has a learned scale and offset.
      epsilon: added to the variance.
      use_fast_variance: whether the variance is E[x²] - E[x]², in one pass over x, rather than
        E[(x - E[x])²], which does not cancel.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=epsilon,
        use_scale=affine,
        use_bias=affine,
        use_fast_variance=use_fast_variance,
        dtype=dtype,
        name=name,
    )


class ConditionalBatchNorm(nn.Module):
    """BatchNorm whose gain and offset are linear in a condition (BigGAN, appendix B).

    Called with x [B, H, W, C] and condition [B, N]; returns [B, H, W, C].
    """

    train: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        linear = {"features": channels, "use_bias": False, "dtype": self.dtype}
        gain = 1 + SNDense(**linear, name="gain")(condition)
        offset = SNDense(**linear, name="offset")(condition)
        x = batch_norm(self.train, self.dtype, "norm", affine=False)(x)
        return x * gain[:, None, None, :] + offset[:, None, None, :]


class SelfAttention(nn.Module):
    """Non-local block of SAGAN as BigGAN uses it (arXiv 1805.08318; 1809.11096, appendix B).

    Called with x [B, H, W, C]; returns x + γ·attention, γ being 0 at first. Keys and values are
    max-pooled 2×2; queries and keys have C/8 channels, values C/2.
    """

    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape

        def conv1x1(features: int, name: str) -> SNConv:
            return SNConv(features, (1, 1), use_bias=False, dtype=self.dtype, name=name)

        def pooled(y: jax.Array) -> jax.Array:
            return nn.max_pool(y, (2, 2), (2, 2)).reshape(batch, -1, y.shape[-1])

        query = conv1x1(channels // 8, "theta")(x).reshape(batch, height * width, -1)
        key = pooled(conv1x1(channels // 8, "phi")(x))
        value = pooled(conv1x1(channels // 2, "g")(x))
        attended = attention(query, key, value)
        attended = attended.reshape(batch, height, width, channels // 2)
        gamma = self.param("gamma", nn.initializers.zeros, ()).astype(self.dtype)
        return x + gamma * conv1x1(channels, "o")(attended)


class ResidualMLP(nn.Module):
    """Multi-layer perceptron of residual blocks of two layers, ending in a ReLU.

    The paper (arXiv 1907.02544, appendix A.1) gives depth and width for H and J (8 layers of
    2048 units) and the encoder's head (4 of 4096). The form of a block is a decision of this
    project: skip(x) + Dense(ReLU(Dense(a(x)))) with a = ReLU but for the first block, which
    takes its input raw, and skip a Dense where widths differ, else the identity.

    Called with x [B, N]; returns [B, width].
    """

    layers: int
    width: int
    dense: Callable[..., nn.Module]
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def dense(name: str) -> nn.Module:
            return self.dense(self.width, dtype=self.dtype, name=name)

        for block in range(self.layers // 2):
            hidden = x if block == 0 else nn.relu(x)
            hidden = nn.relu(dense(f"block{block}_dense0")(hidden))
            skip = x if x.shape[-1] == self.width else dense(f"block{block}_skip")(x)
            x = skip + dense(f"block{block}_dense1")(hidden)
        return nn.relu(x)
