"""RevNet trunks of the encoder, the paper's largest (arXiv 1907.02544, section 3 and Table 1).

The layout is that of Kolesnikov et al. 2019, *Revisiting Self-Supervised Visual Representation
Learning* (arXiv 1901.09005), which is a reversible ResNet-v2 with bottlenecks.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.layers import batch_norm
from bigbigan_jax.models.linear import Conv, Stem
from bigbigan_jax.models.reversible import Streams, reversible_units

CHANNELS = 256  # after the stem, at width 1
STEM_PARTS = 2  # one for each stream, so that they need not be concatenated


class Bottleneck(nn.Module):
    """What a unit adds to a stream: three convolutions, each after BatchNorm and ReLU.

    Called with a stream [B, H, W, C]; returns the same shape, of type `dtype`.
    """

    train: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        for i, (features, size) in enumerate(
            [(channels // 4, 1), (channels // 4, 3), (channels, 1)]
        ):
            x = nn.relu(batch_norm(self.train, self.dtype, f"norm{i}")(x))
            x = Conv(features, (size, size), dtype=self.dtype, name=f"conv{i}")(x)
        return x


class ReversibleStage(nn.Module):
    """Reversible units at one resolution.

    Called with two streams [B, H, W, C]; returns two streams of the same shape. Units normalise by
    the moments of the batch in `train`, and then move their running averages once, although the
    backward pass calls them again.
    """

    units: int
    train: bool
    dtype: Any

    @nn.compact
    def __call__(self, streams: Streams) -> Streams:
        branch = Bottleneck(self.train, self.dtype, parent=None)
        one_pixel = jnp.zeros((1, 1, 1, streams[0].shape[-1]))

        def initial(collection: str, key: jax.Array):
            return branch.init(key, one_pixel)[collection]

        # A unit's variables are one entry each here, because reversing needs pure functions.
        names = [f"unit{i}" for i in range(self.units)]
        params = [self.param(name, lambda key: initial("params", key)) for name in names]
        averages = [
            self.variable("batch_stats", name, initial, "batch_stats", jax.random.key(0))
            for name in names
        ]

        def apply(variables, x):
            residual, updated = branch.apply(variables, x, mutable=["batch_stats"])
            return residual, updated["batch_stats"]

        variables = [
            {"params": p, "batch_stats": a.value} for p, a in zip(params, averages, strict=True)
        ]
        streams, updated = reversible_units(apply, variables, streams)
        if self.train and not self.is_initializing():
            for average, new in zip(averages, updated, strict=True):
                average.value = new
        return streams


class RevNet(nn.Module):
    """RevNet up to its last activation.

    Called with x [B, H, W, C] in [-1, 1] and `train`; returns [B, H', W', features].

    Attributes:
      stage_sizes: number of reversible units of each stage. Between stages the resolution is halved
        by average pooling and channels are doubled with zeros.
      imagenet_stem: 7×7 convolution of stride 2 and max-pooling, rather than one 3×3 convolution
        for small images.
      width: factor on all channel counts; 1 means 256 channels after the stem, half a stream.
      dtype: of the computation within units. The streams are float32, or they could not be
        recovered.
    """

    stage_sizes: Sequence[int]
    imagenet_stem: bool
    width: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        channels = round(CHANNELS * self.width)
        stem = Stem(channels, self.imagenet_stem, self.dtype, STEM_PARTS, name="stem")
        halves = jnp.split(stem(x.astype(self.dtype)), 2, axis=-1)
        streams = tuple(half.astype(jnp.float32) for half in halves)
        for i, size in enumerate(self.stage_sizes):
            if i > 0:
                streams = _transition(*streams)
            streams = ReversibleStage(size, train, self.dtype, name=f"stage{i}")(streams)
        x = jnp.concatenate(streams, axis=-1)
        return nn.relu(batch_norm(train, self.dtype, "output_norm")(x))


def _transition(first: jax.Array, second: jax.Array) -> Streams:
    """Halves the resolution, and doubles the channels of both streams together with zeros.

    Half of the zeros go before all channels, half behind, so each stream gets its zeros outside.
    """
    zeros = first.shape[-1]
    first, second = (nn.avg_pool(stream, (2, 2), (2, 2)) for stream in (first, second))
    return (
        jnp.pad(first, ((0, 0), (0, 0), (0, 0), (zeros, 0))),
        jnp.pad(second, ((0, 0), (0, 0), (0, 0), (0, zeros))),
    )
