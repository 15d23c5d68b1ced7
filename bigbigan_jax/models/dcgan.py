"""G and D of BiGAN on ImageNet (arXiv 1605.09782, section 4.3): DCGAN's, which z joins everywhere.

What the paper leaves open is as in its authors' code: no biases but those of BatchNorm, initial
values N(0, 0.02), where z joins a network, a linear function of it, one value a channel, is added
before BatchNorm, and D's last layer starts at zero.

That the sides of images may be other multiples of 16 than 64 is a decision.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.bigan_layers import STDDEV, batch_norm, leaky_relu, scaled_channels
from bigbigan_jax.models.features import SOWN
from bigbigan_jax.models.linear import Conv, ConvTranspose, Dense

REDUCTION = 16  # the side of images over that of the smallest layer
_KERNEL = 5
_CHANNELS = (64, 128, 256, 512)
_options = {
    "kernel_size": (_KERNEL, _KERNEL),
    "strides": (2, 2),
    "kernel_init": nn.initializers.normal(STDDEV),
}
# A 5×5 convolution of stride 2, padded by 2 on all sides, halves a side; the transpose of one that
# does has one row and column more at the end.
_PADDING, _TRANSPOSE_PADDING = ((2, 2), (2, 2)), ((2, 3), (2, 3))


def _of_z(z: jax.Array, features: int, name: str) -> jax.Array:
    """A linear function of z, one value a channel: [B, 1, 1, features], of the type of z.

    It starts at N(0, 0.02·25), so that it is not lost beside the sums over 5×5 pixels.
    """
    init = nn.initializers.normal(STDDEV * _KERNEL**2)
    dense = Dense(features, use_bias=False, dtype=z.dtype, kernel_init=init, name=name)
    return dense(z)[:, None, None, :]


class DCGANGenerator(nn.Module):
    """G(z): a linear layer and four transposed convolutions, z joining all but the last of them.

    BatchNorm of the first layer normalises every unit by itself, that is every pixel.

    Called with z [B, z_dim] and `train`; returns images in [-1, 1], of type `dtype`.

    Attributes:
      image_size: side of the images, a multiple of 16; 64 in the paper.
      image_channels: 1 or 3.
      width: factor on the channels.
      dtype: of the computation.
    """

    image_size: int
    image_channels: int
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, train: bool) -> jax.Array:
        def normalized(x: jax.Array, name: str) -> jax.Array:
            return nn.relu(batch_norm(train, self.dtype, name, affine=True)(x))

        def doubled(x: jax.Array, features: int, name: str) -> jax.Array:
            padding = {"padding": _TRANSPOSE_PADDING, "dtype": self.dtype}
            return ConvTranspose(features, **_options, **padding, name=name)(x)

        *others, first = (scaled_channels(channels, self.width) for channels in _CHANNELS)
        z, side = z.astype(self.dtype), self.image_size // REDUCTION
        init = _options["kernel_init"]
        dense = Dense(side * side * first, False, self.dtype, kernel_init=init, name="dense0")
        x = normalized(dense(z), "norm0").reshape(len(z), side, side, first)
        for i, features in enumerate(reversed(others), start=1):
            x = doubled(x, features, f"deconv{i}") + _of_z(z, features, f"deconv{i}_z")
            x = normalized(x, f"norm{i}")
        return 2 * nn.sigmoid(doubled(x, self.image_channels, "output")) - 1


class DCGANDiscriminator(nn.Module):
    """Scores pairs or images by four convolutions and a linear layer; z joins all but the first.

    BiGAN's scores pairs, a plain GAN's images alone, and no z joins it.

    Called with x, z [B, z_dim], and `train`; returns a dict with a float32 score [B] of its term.
    With "intermediates" mutable D of images alone also returns its last convolution, flattened, as
    `SOWN`.

    Attributes:
      terms: ("xz",) or ("x",).
      width: factor on the channels.
      dtype: of the computation.
    """

    terms: tuple[str, ...]
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, z: jax.Array, train: bool = False) -> dict[str, jax.Array]:
        (term,) = self.terms
        x, z = x.astype(self.dtype), z.astype(self.dtype)
        for i, channels in enumerate(_CHANNELS):
            features = scaled_channels(channels, self.width)
            padding = {"padding": _PADDING, "dtype": self.dtype}
            x = Conv(features, **_options, **padding, name=f"conv{i}")(x)
            if i and "z" in term:
                x += _of_z(z, features, f"conv{i}_z")
            if i:
                x = batch_norm(train, self.dtype, f"norm{i}", affine=True)(x)
            x = leaky_relu(x)
        features = x.reshape(len(x), -1).astype(jnp.float32)
        if term == "x":
            self.sow("intermediates", SOWN, features)
        zeros = nn.initializers.zeros
        theta = Dense(1, False, jnp.float32, kernel_init=zeros, name=f"theta_{term}")
        return {term: theta(features)[:, 0]}
