"""ALI's networks for images of 32 px (arXiv 1606.00704, appendix A).

The tables of CIFAR-10 and SVHN there share all kernels, strides and widths; `TABLES` has what
differs. Convolutions are "valid". What the paper leaves open is as in its authors' code: which
layers have biases, BatchNorm with gain and offset, dropout of a layer's input, σ as the exponential
of E's second output, and maxout that halves the channels, so that D(x) and D(z) of CIFAR-10 give
256 channels each. (The paper's table says that 1024 channels come together, as they do in SVHN's.)
Where the code of CIFAR-10 drops out other layers of D(x) than the paper's table, the table counts.

G's output has a bias a pixel, which starts at zero; the code starts it at the log-odds of mean
images. That is a decision: initial values do not depend on images here.

Images are [B, 32, 32, C] in [-1, 1], as everywhere here; the networks see their pixels in [0, 1],
as the paper's do.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.encoder import Encoding
from bigbigan_jax.models.layers import batch_norm
from bigbigan_jax.models.linear import Conv, ConvTranspose, Dense

IMAGE_SIZE = 32
# Kernel, stride and channels of the convolutions of E and D, and of the transposed ones of G.
CONVOLUTIONS = ((5, 1, 32), (4, 2, 64), (4, 1, 128), (4, 2, 256), (4, 1, 512))
TRANSPOSED = ((4, 1, 256), (4, 2, 128), (4, 1, 64), (4, 2, 32), (5, 1, 32))
ENCODER_TOP, GENERATOR_TOP = 512, 32  # channels of the 1×1 convolutions that follow
OF_Z, JOINT = (512, 512), (1024, 1024)  # channels of D's 1×1 convolutions
PIECES = 2  # of maxout

# By architecture: the slope of LeakyReLU, whether D has maxout in place of BatchNorm and LeakyReLU,
# and the dropout of D's input, x or z, and of the inputs of its other layers.
TABLES = {
    "ali_cifar10": {"slope": 0.1, "maxout": True, "dropout": (0.2, 0.5)},
    "ali_svhn": {"slope": 0.01, "maxout": False, "dropout": (0.2, 0.2)},
}

_normal = nn.initializers.normal(0.01)


def scaled(channels: int, width: float) -> int:
    """Channels times a factor: even, for maxout, and at least 2."""
    return PIECES * max(1, round(channels * width / PIECES))


def maxout(x: jax.Array) -> jax.Array:
    """The larger of every two neighbouring channels: [..., C] to [..., C / 2]."""
    return x.reshape(*x.shape[:-1], -1, PIECES).max(axis=-1)


def _pixels(x: jax.Array, dtype: Any) -> jax.Array:
    return ((x + 1) / 2).astype(dtype)


class ALIGenerator(nn.Module):
    """G(z): five transposed convolutions, two 1×1 convolutions and a sigmoid.

    Called with z [B, z_dim] and `train`; returns images in [-1, 1], of type `dtype`.

    Attributes:
      image_channels: 1 or 3.
      width: factor on the channels of all hidden layers; 1 in the paper.
      slope: of LeakyReLU.
      dtype: of the computation.
    """

    image_channels: int
    width: float
    slope: float
    dtype: Any = jnp.float32

    image_size = IMAGE_SIZE

    @nn.compact
    def __call__(self, z: jax.Array, train: bool) -> jax.Array:
        def activated(x: jax.Array, number: int) -> jax.Array:
            return nn.leaky_relu(batch_norm(train, self.dtype, f"norm{number}")(x), self.slope)

        shared = {"use_bias": False, "kernel_init": _normal, "dtype": self.dtype}
        x = z.astype(self.dtype)[:, None, None]
        for number, (size, stride, channels) in enumerate(TRANSPOSED):
            x = ConvTranspose(
                scaled(channels, self.width),
                (size, size),
                (stride, stride),
                padding="VALID",
                name=f"conv{number}",
                **shared,
            )(x)
            x = activated(x, number)
        top = len(TRANSPOSED)
        x = Conv(scaled(GENERATOR_TOP, self.width), (1, 1), name=f"conv{top}", **shared)(x)
        x = Conv(self.image_channels, (1, 1), name="output", **shared)(activated(x, top))
        bias = self.param("output_bias", nn.initializers.zeros, x.shape[1:])
        return 2 * nn.sigmoid(x + bias[None].astype(self.dtype)) - 1


class ALIEncoder(nn.Module):
    """E(x): six convolutions and a linear layer that gives μ and log σ.

    Called with x and `train`; returns an `Encoding`. Its `avepool_feat` are what the paper's SVMs
    take (section 4.3): the last three hidden layers and the output, μ, side by side; hidden layers
    as they are between BatchNorm and LeakyReLU, as in the authors' code. They are 4·4·256 + 512 +
    512 + z_dim features at the paper's width, so 5,376 for SVHN. (That the paper counts 8,960 does
    not follow from its table of E.)

    Attributes:
      z_dim: size of the latent.
      width: factor on the channels of all hidden layers; 1 in the paper.
      slope: of LeakyReLU.
      dtype: of the computation.
    """

    z_dim: int
    width: float
    slope: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> Encoding:
        x, hidden = _pixels(x, self.dtype), []
        for number, (size, stride, channels) in enumerate((*CONVOLUTIONS, (1, 1, ENCODER_TOP))):
            x = _convolved(x, size, stride, channels, self.width, self.dtype, f"conv{number}")
            hidden.append(batch_norm(train, self.dtype, f"norm{number}")(x))
            x = nn.leaky_relu(hidden[-1], self.slope)
        x = x.reshape(len(x), -1).astype(jnp.float32)
        output = Dense(2 * self.z_dim, kernel_init=_normal, dtype=jnp.float32, name="output")(x)
        mean, log_stdev = jnp.split(output, 2, axis=-1)
        features = [layer.reshape(len(x), -1).astype(jnp.float32) for layer in hidden[-3:]]
        features = jnp.concatenate([*features, mean], axis=-1)
        return Encoding(features, mean, jnp.exp(log_stdev), mean)


class ALIDiscriminator(nn.Module):
    """D(x, z): convolutions of x and a perceptron of z, then a perceptron of both outputs.

    The paper's 1×1 convolutions of 1×1 images are linear layers here. BatchNorm, which SVHN's D has
    on the convolutions of x but for the first, sees real and generated images in one batch, as in
    the authors' code.

    Called with x, z [B, z_dim], and `train`; returns {"xz": score [B]}, float32. In training it
    needs random numbers for "dropout".

    Attributes:
      width: factor on the channels of all hidden layers; 1 in the paper.
      slope: of LeakyReLU, where there is one.
      maxout: whether layers end in maxout, without BatchNorm, rather than in LeakyReLU.
      dropout: share of what is dropped out of x and z, and out of the inputs of other layers.
      dtype: of the computation.
    """

    width: float
    slope: float
    maxout: bool
    dropout: tuple[float, float]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, z: jax.Array, train: bool = False) -> dict[str, jax.Array]:
        of_input, of_hidden = self.dropout

        def dropped(x: jax.Array, rate: float = of_hidden) -> jax.Array:
            return nn.Dropout(rate, deterministic=not train)(x)

        def activated(x: jax.Array) -> jax.Array:
            return maxout(x) if self.maxout else nn.leaky_relu(x, self.slope)

        def linear(x: jax.Array, units: int, use_bias: bool, name: str) -> jax.Array:
            options = {"use_bias": use_bias, "kernel_init": _normal, "dtype": self.dtype}
            return activated(Dense(scaled(units, self.width), name=name, **options)(x))

        x = dropped(_pixels(x, self.dtype), of_input)
        for number, (size, stride, channels) in enumerate(CONVOLUTIONS):
            first = number == 0
            x = x if first else dropped(x)
            x = _convolved(x, size, stride, channels, self.width, self.dtype, f"x{number}", first)
            if not (self.maxout or first):
                x = batch_norm(train, self.dtype, f"norm{number}")(x)
            x = activated(x)
        z = dropped(z.astype(self.dtype), of_input)
        for number, units in enumerate(OF_Z):
            z = linear(z if number == 0 else dropped(z), units, False, f"z{number}")
        both = jnp.concatenate([x.reshape(len(x), -1), z], axis=-1)
        for number, units in enumerate(JOINT):
            both = linear(dropped(both), units, True, f"xz{number}")
        both = dropped(both.astype(jnp.float32))
        score = Dense(1, kernel_init=_normal, dtype=jnp.float32, name="theta_xz")(both)
        return {"xz": score[:, 0]}


def _convolved(
    x: jax.Array,
    size: int,
    stride: int,
    channels: int,
    width: float,
    dtype: Any,
    name: str,
    use_bias: bool = False,
) -> jax.Array:
    return Conv(
        scaled(channels, width),
        (size, size),
        (stride, stride),
        padding="VALID",
        use_bias=use_bias,
        kernel_init=_normal,
        dtype=dtype,
        name=name,
    )(x)
