"""The three networks of any architecture together, and what one does with them after training.

Images enter at the encoder's resolution. D and G work at G's resolution, so D sees its images made
smaller: average-pooled where the ratio is whole (arXiv 1907.02544, section 3: 256 px for E, 128 px
for D), else resized (arXiv 1605.09782 has 112 px for E, 64 px for D).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.encoder import Encoding
from bigbigan_jax.models.features import SOWN
from bigbigan_jax.models.partitioning import split_batch

# {"generator": {"params": …, "batch_stats": …, "spectral": …}, "encoder": …}
Variables = Mapping[str, Mapping[str, Any]]
NETWORKS = ("generator", "encoder", "discriminator")


@dataclasses.dataclass(frozen=True)
class Networks:
    """G, E and D, and the prior of z.

    Attributes:
      generator: G, called with (z, train); it has an `image_size`.
      discriminator: D, called with (x, z), and with `train` where it is of use; returns a score by
        term of the objective. None for an autoencoder.
      encoder: E, called with (x, train); returns an `Encoding`. None for a plain GAN.
      encoder_size: side of the images that E sees: G's times 1, 2 or 4 for a residual E.
      image_channels: 1 or 3.
      z_dim: size of the latent.
      prior: "normal" for N(0, I), "uniform" for U(-1, 1).
      pairs_together: whether D, where it has BatchNorm, is to see real and generated pairs in one
        batch, as ALI's does, rather than each in a batch of its own.
    """

    generator: nn.Module
    discriminator: nn.Module | None
    encoder: nn.Module | None
    encoder_size: int
    image_channels: int
    z_dim: int
    prior: str
    pairs_together: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Which of "generator", "encoder" and "discriminator" there are."""
        return tuple(name for name in NETWORKS if getattr(self, name) is not None)

    @property
    def image_size(self) -> int:
        """Side of the images that training reads."""
        return self.encoder_size if self.encoder else self.generator.image_size

    def init(self, keys: Mapping[str, jax.Array]) -> dict[str, dict[str, Any]]:
        """The variables before training.

        Args:
          keys: a random key for each of "generator", "discriminator" and "encoder".
        """
        x = jnp.zeros((1, self.image_size, self.image_size, self.image_channels))
        x_at_g, z = self.pool_for_discriminator(x), jnp.zeros((1, self.z_dim))
        variables = {"generator": self.generator.init(keys["generator"], z, train=True)}
        if self.discriminator:
            variables["discriminator"] = self.discriminator.init(keys["discriminator"], x_at_g, z)
        if self.encoder:
            variables["encoder"] = self.encoder.init(keys["encoder"], x, train=True)
        return variables

    def sample_z(self, key: jax.Array, count: int) -> jax.Array:
        """Draws z ~ P_z: [count, z_dim] float32."""
        shape = (count, self.z_dim)
        if self.prior == "uniform":
            return split_batch(jax.random.uniform(key, shape, minval=-1.0))
        return split_batch(jax.random.normal(key, shape))

    def pool_for_discriminator(self, x: jax.Array) -> jax.Array:
        """Images of the size that training reads, at G's resolution.

        Average-pooled where the ratio of the sides is whole, as in BigBiGAN. Where it is not, as in
        BiGAN with the wider input of E, resized bilinearly with antialiasing: a decision, as the
        authors' code shrinks the 8-bit images with a Lanczos filter. Neither leaves the range of x.
        """
        size = self.generator.image_size
        factor, rest = divmod(x.shape[1], size)
        if rest:
            shape = (len(x), size, size, x.shape[-1])
            return jax.image.resize(x, shape, "bilinear", antialias=True)
        return nn.avg_pool(x, (factor, factor), (factor, factor)) if factor > 1 else x

    def resize_for_encoder(self, x: jax.Array) -> jax.Array:
        """Images of G's resolution, resized bilinearly to the encoder's (a decision)."""
        size = self.encoder_size
        return jax.image.resize(x, (len(x), size, size, x.shape[-1]), "bilinear")

    def generate(self, variables: Variables, z: jax.Array) -> jax.Array:
        """G(z) by the statistics in `variables`: [B, image_size, image_size, C] in [-1, 1]."""
        return self.generator.apply(variables["generator"], z, train=False).astype(jnp.float32)

    def encode(self, variables: Variables, x: jax.Array) -> Encoding:
        """E(x) by the statistics in `variables`, for x [B, encoder_size, encoder_size, C]."""
        return self.encoder.apply(variables["encoder"], x, train=False)

    def reconstruct(self, variables: Variables, x: jax.Array) -> jax.Array:
        """G(μ(x)), μ being the mean of E(x): [B, image_size, image_size, C] in [-1, 1]."""
        return self.generate(variables, self.encode(variables, x).z_mean)

    def discriminator_features(self, variables: Variables, x: jax.Array) -> jax.Array:
        """What D makes of images alone before it scores them: [B, F] float32.

        F(x) in BigBiGAN; of a D that scores pairs alone there is no such thing.

        Args:
          variables: of D.
          x: [B, image_size, image_size, C], as training reads them.

        Raises:
          KeyError: D has no such features.
        """
        x, z = self.pool_for_discriminator(x), jnp.zeros((len(x), self.z_dim))
        _, kept = self.discriminator.apply(
            variables["discriminator"], x, z, mutable=["intermediates"]
        )
        return kept["intermediates"][SOWN][0]
