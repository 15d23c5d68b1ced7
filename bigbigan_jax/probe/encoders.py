"""What features are taken from: a trained encoder, and what it has to be better than."""

import contextlib
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bigbigan_jax.batches import local_mesh
from bigbigan_jax.data import Source, evaluation_batches
from bigbigan_jax.extract.extraction import Rows
from bigbigan_jax.hub import Model
from bigbigan_jax.hub.variables import on_local_devices
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.models.standing_statistics import feature_moments, standing_statistics
from bigbigan_jax.probe.image_features import ImageFeatures

_BATCHES, _BATCH_SIZE = 16, 64  # images over which an untrained encoder's statistics are taken
NETWORKS = ("generator", "encoder", "discriminator")


@dataclasses.dataclass(frozen=True)
class RawPixels:
    """The pixels themselves as features; in place of a `Model` where features are extracted.

    Attributes:
      model: whose image size and channels they have.
    """

    model: Model

    @property
    def networks(self) -> Any:
        """Of the model."""
        return self.model.networks

    @property
    def image_size(self) -> int:
        """Of the model."""
        return self.model.image_size

    @property
    def about(self) -> dict[str, Any]:
        """Says what the features are."""
        return {"weights": f"pixels, {self.image_size} px", "step": None, "model": {}}

    def encode(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The images as "avepool_feat", [N, H·W·C] in [-1, 1]."""
        return {"avepool_feat": np.asarray(_pixels(images))}


@dataclasses.dataclass(frozen=True)
class DiscriminatorFeatures:
    """What D makes of images before it scores them; in place of a `Model`, as `RawPixels` is.

    Attributes:
      model: whose D it is.
    """

    model: Model

    @property
    def networks(self) -> Any:
        """Of the model."""
        return self.model.networks

    @property
    def image_size(self) -> int:
        """Of the model."""
        return self.model.image_size

    @property
    def about(self) -> dict[str, Any]:
        """Of the model."""
        return {**self.model.about, "weights": f"D of {self.model.about['weights']}"}

    def encode(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """D's features as "avepool_feat", [N, F]."""
        return {"avepool_feat": self.model.discriminator_features(images)}


def image_features_of(encoder: Model | RawPixels | DiscriminatorFeatures) -> ImageFeatures:
    """AvePool features, D's, or pixels, on the devices of this host."""
    networks = encoder.networks
    if isinstance(encoder, RawPixels):
        program = jax.jit(_pixels)
    elif isinstance(encoder, DiscriminatorFeatures):
        of_d = jax.jit(lambda v, x: networks.discriminator_features(v, scale_images(x)))
        program = functools.partial(of_d, encoder.model.variables)
    else:

        @jax.jit
        def encode(variables: Any, images: jax.Array) -> jax.Array:
            return networks.encode(variables, scale_images(images)).avepool_feat

        program = functools.partial(encode, encoder.variables)
    return ImageFeatures(program, encoder.image_size, networks.image_channels, local_mesh())


def untrained(model: Model, source: Source, seed: int = 0) -> Model:
    """The same networks with fresh weights, and standing statistics over images of a source."""
    networks = model.networks
    count = min(_BATCHES * _BATCH_SIZE, len(source))
    batch_size = min(_BATCH_SIZE, count)
    rows = np.random.default_rng(seed).permutation(len(source))[: count // batch_size * batch_size]
    batches = evaluation_batches(
        Rows(source, np.sort(rows).tolist()),
        image_size=model.image_size,
        channels=networks.image_channels,
        batch_size=batch_size,
    )
    with contextlib.closing(batches):
        images = np.stack([batch["image"] for batch in batches])

    @jax.jit
    def initial(key: jax.Array, images: jax.Array) -> tuple[Any, Any]:
        keys = dict(zip(NETWORKS, jax.random.split(key, len(NETWORKS)), strict=True))
        variables = networks.init(keys)
        x = scale_images(images)
        evaluated = standing_statistics(networks, variables, x, key)
        moments = feature_moments(networks, evaluated, x)
        return {**evaluated, "discriminator": variables["discriminator"]}, moments

    variables, moments = on_local_devices(initial(jax.random.key(seed), jnp.asarray(images)))
    about = {**model.about, "weights": f"untrained, seed {seed}", "step": 0, "metrics": {}}
    return Model(networks, variables, moments, about)


def _pixels(images: np.ndarray | jax.Array) -> jax.Array:
    return scale_images(images).reshape(len(images), -1)
