"""The perceptrons of BiGAN's permutation-invariant MNIST (arXiv 1605.09782, section 4.2).

Three layers each, of 1024 units. What the paper leaves open is as in its authors' code: no biases,
BatchNorm without gain and offset, initial values N(0, 0.02), but zeros in D's last layer, and where
z joins a network, a linear function of it is added before BatchNorm.

Images are [B, image_size, image_size, C] in [-1, 1], as everywhere here; the perceptrons see their
pixels in [0, 1], as the paper's do.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.bigan_layers import STDDEV, batch_norm, leaky_relu
from bigbigan_jax.models.encoder import Encoding
from bigbigan_jax.models.features import SOWN
from bigbigan_jax.models.linear import Dense
from bigbigan_jax.models.spectral_norm import SNDense

_normal = nn.initializers.normal(STDDEV)


def _linear(features: int, dtype: Any, name: str, **options: Any) -> nn.Dense:
    options = {"kernel_init": _normal, **options}
    return Dense(features, use_bias=False, dtype=dtype, name=name, **options)


def _batch_norm(train: bool, dtype: Any, name: str) -> nn.BatchNorm:
    return batch_norm(train, dtype, name, affine=False)


def _pixels(x: jax.Array, dtype: Any) -> jax.Array:
    return ((x + 1) / 2).reshape(len(x), -1).astype(dtype)


class MLPGenerator(nn.Module):
    """G(z): a sigmoid of three layers; z joins the second once more.

    Called with z [B, z_dim] and `train`; returns images in [-1, 1], of type `dtype`.

    Attributes:
      image_size: side of the images.
      image_channels: 1 or 3.
      width: units of the hidden layers.
      dtype: of the computation.
    """

    image_size: int
    image_channels: int
    width: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, train: bool) -> jax.Array:
        def linear(features: int, name: str) -> nn.Dense:
            return _linear(features, self.dtype, name)

        z = z.astype(self.dtype)
        hidden = nn.relu(_batch_norm(train, self.dtype, "norm0")(linear(self.width, "dense0")(z)))
        hidden = linear(self.width, "dense1")(hidden) + linear(self.width, "dense1_z")(z)
        hidden = nn.relu(_batch_norm(train, self.dtype, "norm1")(hidden))
        shape = (len(z), self.image_size, self.image_size, self.image_channels)
        logits = linear(shape[1] * shape[2] * shape[3], "output")(hidden)
        return (2 * nn.sigmoid(logits) - 1).reshape(shape)


class MLPEncoder(nn.Module):
    """E(x): three layers; the latents of a uniform prior are squashed to (-1, 1).

    Called with x and `train`; returns an `Encoding` whose features are the layer before the output.

    Attributes:
      z_dim: size of the latent.
      prior: "uniform" for z = 2·sigmoid(ẑ) - 1, "normal" for z = ẑ.
      head: "deterministic"; or "stochastic", whose ε has a learned standard deviation, softplus(σ̂).
      width: units of the hidden layers.
      zero_output: whether the output layer starts at zero.
      dtype: of the computation.
    """

    z_dim: int
    prior: str
    head: str
    width: int
    zero_output: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> Encoding:
        hidden = leaky_relu(_linear(self.width, self.dtype, "dense0")(_pixels(x, self.dtype)))
        hidden = _linear(self.width, self.dtype, "dense1")(hidden)
        hidden = leaky_relu(_batch_norm(train, self.dtype, "norm1")(hidden)).astype(jnp.float32)
        init = nn.initializers.zeros if self.zero_output else _normal
        logits = _linear(self.z_dim, jnp.float32, "z_mean", kernel_init=init)(hidden)
        mean = 2 * nn.sigmoid(logits) - 1 if self.prior == "uniform" else logits
        stdev = jnp.zeros_like(mean)
        if self.head == "stochastic":
            stdev = nn.softplus(_linear(self.z_dim, jnp.float32, "z_stdev")(hidden))
        return Encoding(hidden, mean, stdev, logits)


class MLPDiscriminator(nn.Module):
    """Scores of images, latents and pairs of both, each by three layers that share their parts.

        a_x = W_1 LeakyReLU(W_0 x),  a_z = W_z z
        s_x = θ_x · f(a_x),  s_z = θ_z · f(a_z),  s_xz = θ_xz · f(a_x + a_z)

    with f = LeakyReLU(BatchNorm(·)). The paper's BiGAN has s_xz alone, a plain GAN s_x alone. That
    all three together make BigBiGAN's objective is a decision of this project; there, as in
    BigBiGAN, the layers are spectrally normalised in place of BatchNorm.

    Called with x, z [B, z_dim], and `train`; returns a dict with a float32 score [B] for every one
    of `terms`. With "intermediates" mutable it also returns f(a_x) as `SOWN`.

    Attributes:
      terms: the terms in play, out of "x", "z", "xz".
      width: units of the hidden layers.
      spectral_norm: whether the layers are spectrally normalised, without BatchNorm.
      dtype: of the computation.
    """

    terms: tuple[str, ...]
    width: int
    spectral_norm: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, z: jax.Array, train: bool = False) -> dict[str, jax.Array]:
        def linear(
            features: int, name: str, dtype: Any = self.dtype, init: Any = _normal
        ) -> nn.Dense:
            if self.spectral_norm:
                return SNDense(features, use_bias=False, dtype=dtype, name=name)
            return _linear(features, dtype, name, kernel_init=init)

        def f(a: jax.Array, term: str) -> jax.Array:
            if not self.spectral_norm:
                a = _batch_norm(train, self.dtype, f"norm_{term}")(a)
            return leaky_relu(a)

        parts = {}
        if {"x", "xz"} & set(self.terms):
            hidden = leaky_relu(linear(self.width, "dense0")(_pixels(x, self.dtype)))
            parts["x"] = linear(self.width, "dense1")(hidden)
        if {"z", "xz"} & set(self.terms):
            parts["z"] = linear(self.width, "dense1_z")(z.astype(self.dtype))
        if "xz" in self.terms:
            parts["xz"] = parts["x"] + parts["z"]
        zeros = nn.initializers.zeros
        features = {term: f(parts[term], term).astype(jnp.float32) for term in self.terms}
        if "x" in self.terms:
            self.sow("intermediates", SOWN, features["x"])
        return {
            term: linear(1, f"theta_{term}", jnp.float32, zeros)(features[term])[:, 0]
            for term in self.terms
        }
