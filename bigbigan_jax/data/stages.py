"""The steps of the pipeline that Grain runs on one record, and the start of its processes."""

import dataclasses
import multiprocessing
import os
import signal
import threading
from typing import Any

import cv2
import grain
import numpy as np

from bigbigan_jax.data.decode import as_pixels
from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.sources import Source
from bigbigan_jax.data.transforms import Augmentation, center_crop, random_crop_resize


@dataclasses.dataclass(frozen=True)
class Pixels:
    """A source with its images decoded; errors name the record.

    Attributes:
      source: what to read.
      channels: channels of the decoded images, 1 or 3.
    """

    source: Source
    channels: int

    def __len__(self) -> int:
        """Returns the number of records."""
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns {"image": uint8 [H, W, C], "label": int32 []}, or without "label".

        Raises:
          DataError: if the image cannot be decoded.
        """
        record = self.source[index]
        try:
            result = {"image": as_pixels(record["image"], self.channels)}
        except DataError as error:
            raise DataError(
                f"{self.source.name} split {self.source.split!r} record {index}: {error}"
            ) from error
        if self.source.num_classes is not None:
            result["label"] = np.int32(record["label"])
        return result


@dataclasses.dataclass(frozen=True)
class Augment(grain.transforms.RandomMap):
    """Replaces a record's image by a random crop of it.

    Attributes:
      image_size: side of the crop after resizing.
      augmentation: what to draw.
    """

    image_size: int
    augmentation: Augmentation

    def random_map(self, element: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        """Returns the record with "image" uint8 [image_size, image_size, C]."""
        image = random_crop_resize(element["image"], self.image_size, self.augmentation, rng)
        return element | {"image": image}


@dataclasses.dataclass(frozen=True)
class HostShare:
    """One host's part of each batch of a global sequence.

    Attributes:
      everything: the global sequence.
      batch_size: of the global batches, a multiple of `hosts`.
      host: number of this host.
      hosts: number of hosts.
    """

    everything: grain.MapDataset
    batch_size: int
    host: int
    hosts: int

    def __len__(self) -> int:
        """Returns the number of elements in the host's parts of all whole batches."""
        return len(self.everything) // self.batch_size * (self.batch_size // self.hosts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns an element of the global sequence by its number in the host's parts."""
        part = self.batch_size // self.hosts
        batch, row = divmod(index, part)
        return self.everything[batch * self.batch_size + self.host * part + row]


@dataclasses.dataclass(frozen=True)
class CenterCrop(grain.transforms.Map):
    """Replaces a record's image by its centre crop.

    Attributes:
      image_size: side of the crop after resizing.
    """

    image_size: int

    def map(self, element: dict[str, Any]) -> dict[str, Any]:
        """Returns the record with "image" uint8 [image_size, image_size, C]."""
        return element | {"image": center_crop(element["image"], self.image_size)}


def start_worker(worker: int, workers: int) -> None:
    """Prepares a worker process; called there by Grain with its number and their count."""
    del worker, workers
    # The processes share the cores among them; OpenCV's own threads would only interfere.
    cv2.setNumThreads(0)
    # Ctrl-C reaches the whole process group; the parent closes its workers itself ...
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # ... unless it is killed, and then nobody would.
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
