"""The three networks of BigBiGAN together, and what one does with them after training.

Images enter at the encoder's resolution. D and G work at G's resolution, so D sees its images
average-pooled (arXiv 1907.02544, section 3: 256 px for E, 128 px for D).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.discriminator import Discriminator
from bigbigan_jax.models.encoder import Encoder, Encoding
from bigbigan_jax.models.generator import Generator
from bigbigan_jax.models.partitioning import split_batch

# {"generator": {"params": …, "batch_stats": …, "spectral": …}, "encoder": …}
Variables = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Networks:
    """G, E and D, and the prior of z.

    Attributes:
      generator: G.
      discriminator: D.
      encoder: E; None makes a plain unconditional BigGAN.
      encoder_size: side of the images that E sees: G's times 1, 2 or 4.
      image_channels: 1 or 3.
      z_dim: size of the latent.
      prior: "normal" for N(0, I), "uniform" for U(-1, 1).
    """

    generator: Generator
    discriminator: Discriminator
    encoder: Encoder | None
    encoder_size: int
    image_channels: int
    z_dim: int
    prior: str

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
        variables = {
            "generator": self.generator.init(keys["generator"], z, train=True),
            "discriminator": self.discriminator.init(keys["discriminator"], x_at_g, z),
        }
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
        """Images of the size that training reads, average-pooled to G's resolution."""
        factor = x.shape[1] // self.generator.image_size
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


def build_networks(model: Mapping[str, Any], rematerialize: Sequence[str] = ()) -> Networks:
    """The networks that the section `model` of a configuration describes.

    Args:
      model: as in `bigbigan_jax.config.default_config`, already validated.
      rematerialize: networks whose blocks the backward pass recomputes rather than remembers.
    """
    dtype = jnp.dtype(model["dtype"])
    sizes = {"image_size": model["image_size"], "dtype": dtype}
    encoder = dict(model["encoder"])
    encoder_size = encoder.pop("image_size")
    return Networks(
        generator=Generator(
            **sizes,
            **model["generator"],
            image_channels=model["image_channels"],
            rematerialize="generator" in rematerialize,
        ),
        discriminator=Discriminator(
            **sizes,
            **model["discriminator"],
            terms=tuple(model["terms"]),
            rematerialize="discriminator" in rematerialize,
        ),
        encoder=None
        if encoder["trunk"] == "none"
        else Encoder(
            **encoder,
            z_dim=model["z_dim"],
            prior=model["prior"],
            dtype=dtype,
            rematerialize="encoder" in rematerialize,
        ),
        encoder_size=encoder_size,
        image_channels=model["image_channels"],
        z_dim=model["z_dim"],
        prior=model["prior"],
    )
