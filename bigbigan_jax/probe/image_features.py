"""Features of images as they are read: for probes that see each image cropped anew every time."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Generator

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from bigbigan_jax.data import (
    AUGMENTATIONS,
    Augmentation,
    DataError,
    Source,
    training_batches,
)
from bigbigan_jax.mesh import split_axis
from bigbigan_jax.probe.features import Batches, Features

_AT_ONCE = 64  # images that a device encodes together
_MOMENT_BATCHES, _MOMENT_BATCH_SIZE = 16, 1024
_CENTRE = AUGMENTATIONS["none"]
_NEXT_EPOCH = np.iinfo(np.int32).min  # label of what comes after the last image


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

    def of_all(self, source: Source, batch_size: int, workers: int = 0) -> Features:
        """Features of the centre crops of all images of a source, in some order, on every host.

        Args:
          source: with labels.
          batch_size: a multiple of the number of devices.
          workers: processes that decode; 0 for threads of this process.

        Raises:
          bigbigan_jax.data.DataError: too many images in a row cannot be decoded; one alone is
            replaced by the next, as in training.
        """
        values, labels = [], []
        with contextlib.closing(self.read(source, _CENTRE, batch_size, 0, workers)) as batches:
            for start in range(0, len(source), batch_size):
                batch = next(batches)
                rows = start + self.host * len(batch["label"]) + np.arange(len(batch["label"]))
                batch["label"][rows >= len(source)] = _NEXT_EPOCH
                found = self(batch["image"], batch["label"])
                found = multihost_utils.process_allgather(found, tiled=True)
                wanted = found[1] != _NEXT_EPOCH
                values.append(found[0][wanted])
                labels.append(found[1][wanted])
        return Features(np.concatenate(values), np.concatenate(labels), source.num_classes)

    def read(
        self,
        source: Source,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        workers: int,
    ) -> Generator[dict[str, np.ndarray], None, None]:
        """This host's parts of batches of training images, without end; to be closed.

        Raises:
          bigbigan_jax.data.DataError: the devices cannot share such a batch.
        """
        if batch_size % self.mesh.size:
            raise DataError(
                f"a batch of {batch_size} cannot be split over {self.mesh.size} devices"
            )
        batches = training_batches(
            source,
            image_size=self.image_size,
            channels=self.channels,
            augmentation=augmentation,
            batch_size=batch_size,
            batches_per_step=1,
            seed=seed,
            start_step=0,
            host=self.host,
            hosts=self.hosts,
            workers=workers,
        )
        with contextlib.closing(batches):
            for batch in batches:
                yield {name: array[0] for name, array in batch.items()}


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
        read = self.features.read(self.source, self.augmentation, batch_size, seed, self.workers)
        with contextlib.closing(read) as images:
            for batch in images:
                yield self.features(batch["image"], batch["label"])
