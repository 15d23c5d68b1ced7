"""ResNet-v2 trunks of the encoder (He et al. 2016, *Identity Mappings*, arXiv 1603.05027)."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax

from bigbigan_jax.models.layers import batch_norm
from bigbigan_jax.models.linear import Conv, Stem


class ResNetBlock(nn.Module):
    """Pre-activation residual block; the stride is in (the first of) its 3×3 convolutions.

    Called with x [B, H, W, C]; returns [B, H / stride, W / stride, features], times 4 channels
    for a bottleneck. Where the shape changes the shortcut projects the activated input.
    """

    features: int
    stride: int
    bottleneck: bool
    train: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width, same, strided = self.features, (1, 1), (self.stride, self.stride)
        if self.bottleneck:
            convolutions = [(width, 1, same), (width, 3, strided), (4 * width, 1, same)]
        else:
            convolutions = [(width, 3, strided), (width, 3, same)]
        out = convolutions[-1][0]

        shortcut = x
        for i, (features, size, strides) in enumerate(convolutions):
            x = nn.relu(batch_norm(self.train, self.dtype, f"norm{i}")(x))
            if i == 0 and (self.stride > 1 or x.shape[-1] != out):
                shortcut = Conv(out, (1, 1), strided, dtype=self.dtype, name="shortcut")(x)
            x = Conv(features, (size, size), strides, dtype=self.dtype, name=f"conv{i}")(x)
        return x + shortcut


class ResNetV2(nn.Module):
    """ResNet-v2 up to its last activation.

    Called with x [B, H, W, C] in [-1, 1] and `train`; returns [B, H', W', features].

    Attributes:
      stage_sizes: number of blocks of each stage; channels double from stage to stage.
      bottleneck: blocks of 1×1, 3×3, 1×1 rather than 3×3, 3×3 convolutions.
      imagenet_stem: 7×7 convolution of stride 2 and max-pooling, rather than one 3×3 convolution
        for small images.
      width: factor on all channel counts; 1 means 64 channels after the stem.
      dtype: of the computation.
      rematerialize: whether the backward pass recomputes the inside of blocks.
    """

    stage_sizes: Sequence[int]
    bottleneck: bool
    imagenet_stem: bool
    width: float
    dtype: Any
    rematerialize: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        channels = round(64 * self.width)
        stem = Stem(channels, self.imagenet_stem, self.dtype, name="stem")
        x = stem(x.astype(self.dtype))
        block_of = nn.remat(ResNetBlock) if self.rematerialize else ResNetBlock
        for stage, size in enumerate(self.stage_sizes):
            for block in range(size):
                x = block_of(
                    features=channels * 2**stage,
                    stride=2 if stage > 0 and block == 0 else 1,
                    bottleneck=self.bottleneck,
                    train=train,
                    dtype=self.dtype,
                    name=f"stage{stage}_block{block}",
                )(x)
        return nn.relu(batch_norm(train, self.dtype, "output_norm")(x))
