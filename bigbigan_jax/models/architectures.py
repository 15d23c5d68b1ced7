"""Architectures: the networks that the section `model` of a configuration describes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from bigbigan_jax.models.alexnet import AlexNetEncoder
from bigbigan_jax.models.ali import TABLES, ALIDiscriminator, ALIEncoder, ALIGenerator
from bigbigan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from bigbigan_jax.models.discriminator import Discriminator
from bigbigan_jax.models.encoder import Encoder
from bigbigan_jax.models.generator import Generator
from bigbigan_jax.models.mlp import MLPDiscriminator, MLPEncoder, MLPGenerator
from bigbigan_jax.models.networks import Networks

Model = Mapping[str, Any]


def build_networks(model: Model, rematerialize: Sequence[str] = ()) -> Networks:
    """The networks that the section `model` of a configuration describes.

    Args:
      model: as in `bigbigan_jax.config.default_config`, already validated.
      rematerialize: networks whose blocks the backward pass recomputes rather than remembers; for
        BigBiGAN's own architecture.
    """
    architecture = model.get("architecture", "bigbigan")  # the only one there once was
    if architecture == "bigbigan":
        return _bigbigan(model, rematerialize)
    return _ARCHITECTURES[architecture](model)


def _bigbigan(model: Model, rematerialize: Sequence[str]) -> Networks:
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


def _mlp(model: Model) -> Networks:
    sizes = {"width": model["width"], "dtype": jnp.dtype(model["dtype"])}
    z_dim, prior, encoder = model["z_dim"], model["prior"], model["encoder"]
    has_encoder, terms = encoder["head"] != "none", tuple(model["terms"])
    return Networks(
        generator=MLPGenerator(model["image_size"], model["image_channels"], **sizes),
        discriminator=MLPDiscriminator(terms, spectral_norm=model["spectral_norm"], **sizes)
        if terms
        else None,
        encoder=MLPEncoder(z_dim, prior, **encoder, **sizes) if has_encoder else None,
        encoder_size=model["image_size"],
        image_channels=model["image_channels"],
        z_dim=z_dim,
        prior=prior,
    )


def _alexnet(model: Model) -> Networks:
    sizes = {"width": model["width"], "dtype": jnp.dtype(model["dtype"])}
    z_dim, prior, encoder = model["z_dim"], model["prior"], model["encoder"]
    return Networks(
        generator=DCGANGenerator(model["image_size"], model["image_channels"], **sizes),
        discriminator=DCGANDiscriminator(tuple(model["terms"]), **sizes),
        encoder=None
        if encoder["head"] == "none"
        else AlexNetEncoder(z_dim, prior, zero_output=encoder["zero_output"], **sizes),
        encoder_size=encoder["image_size"],
        image_channels=model["image_channels"],
        z_dim=z_dim,
        prior=prior,
    )


def _ali(model: Model) -> Networks:
    table = TABLES[model["architecture"]]
    shared = {
        "width": model["width"],
        "slope": table["slope"],
        "dtype": jnp.dtype(model["dtype"]),
    }
    return Networks(
        generator=ALIGenerator(model["image_channels"], **shared),
        discriminator=ALIDiscriminator(maxout=table["maxout"], dropout=table["dropout"], **shared),
        encoder=ALIEncoder(model["z_dim"], **shared),
        encoder_size=model["image_size"],
        image_channels=model["image_channels"],
        z_dim=model["z_dim"],
        prior=model["prior"],
        pairs_together=True,
    )


_ARCHITECTURES: dict[str, Callable[[Model], Networks]] = {
    "mlp": _mlp,
    "alexnet": _alexnet,
    "ali_cifar10": _ali,
    "ali_svhn": _ali,
}
