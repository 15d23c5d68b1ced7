"""Features of images as they are read: for probes that see each image cropped anew every time."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from bigbigan_jax.data import Augmentation, DataError, Source, evaluation_batches, training_batches
from bigbigan_jax.mesh import split_axis
from bigbigan_jax.probe.features import Batches, Features

_AT_ONCE = 64  # images that a device encodes together
_MOMENT_BATCHES, _MOMENT_BATCH_SIZE = 16, 1024
_PADDING = -1  # label of a row without an image


@dataclasses.dataclass(frozen=True)
class ImageFeatures:
    """A program for features of images, over the devices of all hosts of a mesh.

    Attributes:
      program: jitted, from uint8 images [B, H, W, C], split over the devices, to [B, F] float32.
      image_size: H and W.
      channels: C.
      mesh: of the devices.
    """

    program: Callable[[jax.Array], jax.Array]
    image_size: int
    channels: int
    mesh: Mesh

    @functools.cached_property
    def width(self) -> int:
        """F, the number of features of an image."""
        shape = (self.mesh.size, self.image_size, self.image_size, self.channels)
        return jax.eval_shape(self.program, jax.ShapeDtypeStruct(shape, jnp.uint8)).shape[1]

    @property
    def hosts(self) -> int:
        """Over how many hosts the devices are."""
        return jax.process_count() if self.mesh.is_multi_process else 1

    @property
    def host(self) -> int:
        """Number of this host among them."""
        return jax.process_index() if self.mesh.is_multi_process else 0

    def __call__(self, images: np.ndarray, labels: np.ndarray) -> tuple[jax.Array, jax.Array]:
        """Features of a batch.

        Args:
          images: uint8 [b, H, W, C], this host's part of it, a multiple of the host's devices.
          labels: int32 [b].

        Returns:
          Features [B, F] and labels [B] of all hosts' parts, split over the devices.
        """
        devices = self.mesh.size // self.hosts
        each = len(images) // devices
        at_once = max(size for size in range(1, _AT_ONCE + 1) if each % size == 0)
        features, of_parts = [], []
        for start in range(0, len(images), at_once * devices):
            part = slice(start, start + at_once * devices)
            features.append(self.program(self._split(images[part])))
            of_parts.append(self._split(labels[part]))
        return jnp.concatenate(features), jnp.concatenate(of_parts)

    def _split(self, rows: np.ndarray) -> jax.Array:
        return jax.make_array_from_process_local_data(split_axis(self.mesh), rows)

    def of_all(self, source: Source, batch_size: int) -> Features:
        """Features of the centre crops of all images of a source, on every host.

        Args:
          source: with labels.
          batch_size: a multiple of the number of devices.

        Raises:
          bigbigan_jax.data.DataError: an image cannot be read.
        """
        batches = evaluation_batches(
            source,
            image_size=self.image_size,
            channels=self.channels,
            batch_size=batch_size,
            host=self.host,
            hosts=self.hosts,
        )
        values, labels = [], []
        with contextlib.closing(batches):
            for batch in batches:
                missing = batch_size // self.hosts - len(batch["image"])
                images = np.pad(batch["image"], [(0, missing)] + [(0, 0)] * 3)
                padded = np.pad(batch["label"], (0, missing), constant_values=_PADDING)
                found = multihost_utils.process_allgather(self(images, padded), tiled=True)
                there = found[1] != _PADDING
                values.append(found[0][there])
                labels.append(found[1][there])
        return Features(np.concatenate(values), np.concatenate(labels), source.num_classes)


@dataclasses.dataclass(frozen=True)
class AugmentedFeatures:
    """Features of training images, each cropped at random every time: a `TrainingSet`.

    Attributes:
      features: of images.
      source: the images, with labels.
      augmentation: how they are cropped.
      workers: processes that decode; 0 for threads of this process.
    """

    features: ImageFeatures
    source: Source
    augmentation: Augmentation
    workers: int

    @property
    def width(self) -> int:
        """F, the number of features of an image."""
        return self.features.width

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return self.source.num_classes

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each feature, [F], over the first images of the random order."""
        devices = self.features.mesh.size
        size = max(1, _MOMENT_BATCH_SIZE // devices) * devices
        with contextlib.closing(self.batches(size, seed=0)) as batches:
            firsts = itertools.islice(batches, _MOMENT_BATCHES)
            values = [multihost_utils.process_allgather(values, tiled=True) for values, _ in firsts]
        values = np.concatenate(values)
        return values.mean(axis=0, dtype=np.float64), values.var(axis=0, dtype=np.float64)

    def batches(self, batch_size: int, seed: int) -> Batches:
        """See `bigbigan_jax.probe.features.TrainingSet`; to be closed.

        Raises:
          bigbigan_jax.data.DataError: the devices cannot share such a batch.
        """
        devices = self.features.mesh.size
        if batch_size % devices:
            raise DataError(f"a batch of {batch_size} cannot be split over {devices} devices")
        images = training_batches(
            self.source,
            image_size=self.features.image_size,
            channels=self.features.channels,
            augmentation=self.augmentation,
            batch_size=batch_size,
            batches_per_step=1,
            seed=seed,
            start_step=0,
            host=self.features.host,
            hosts=self.features.hosts,
            workers=self.workers,
        )
        with contextlib.closing(images):
            for batch in images:
                yield self.features(batch["image"][0], batch["label"][0])
