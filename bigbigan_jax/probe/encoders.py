"""What features are taken from: a trained encoder, and what it has to be better than."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
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
class OtherFeatures:
    """Features of the images a model sees, but not by its E; in place of a `Model` for extraction.

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


class RawPixels(OtherFeatures):
    """The pixels themselves."""

    @property
    def about(self) -> dict[str, Any]:
        """Says what the features are."""
        return {"weights": f"pixels, {self.image_size} px", "step": None, "model": {}}

    def encode(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The images as "avepool_feat", [N, H·W·C] in [-1, 1]."""
        return {"avepool_feat": np.asarray(_pixels(images))}

    def program(self) -> Callable[[jax.Array], jax.Array]:
        """The same of uint8 images of the model's size, jitted."""
        return jax.jit(_pixels)


class DiscriminatorFeatures(OtherFeatures):
    """What D makes of images before it scores them."""

    @property
    def about(self) -> dict[str, Any]:
        """Of the model."""
        return {**self.model.about, "weights": f"D of {self.model.about['weights']}"}

    def encode(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """D's features as "avepool_feat", [N, F]."""
        return {"avepool_feat": self.model.discriminator_features(images)}

    def program(self) -> Callable[[jax.Array], jax.Array]:
        """The same of uint8 images of the model's size, jitted."""
        return _of_images(self.networks.discriminator_features, self.model.variables)


def image_features_of(encoder: Model | RawPixels | DiscriminatorFeatures) -> ImageFeatures:
    """AvePool features, D's, or pixels, on the devices of this host."""
    networks = encoder.networks
    program = (
        encoder.program()
        if isinstance(encoder, OtherFeatures)
        else _of_images(lambda v, x: networks.encode(v, x).avepool_feat, encoder.variables)
    )
    return ImageFeatures(program, encoder.image_size, networks.image_channels, local_mesh())


def _of_images(
    features: Callable[[Any, jax.Array], jax.Array], variables: Any
) -> Callable[[jax.Array], jax.Array]:
    return functools.partial(jax.jit(lambda v, x: features(v, scale_images(x))), variables)


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
        return {**variables, **evaluated}, moments

    variables, moments = on_local_devices(initial(jax.random.key(seed), jnp.asarray(images)))
    about = {**model.about, "weights": f"untrained, seed {seed}", "step": 0, "metrics": {}}
    return Model(networks, variables, moments, about)


def _pixels(images: np.ndarray | jax.Array) -> jax.Array:
    return scale_images(images).reshape(len(images), -1)
