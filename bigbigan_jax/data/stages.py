"""What happens to a record for evaluation, and the start of processes."""

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
from bigbigan_jax.data.training_images import describe
from bigbigan_jax.data.transforms import center_crop


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
            raise DataError(f"{describe(self.source, index, record)}: {error}") from error
        if self.source.num_classes is not None:
            result["label"] = np.int32(record["label"])
        return result


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


def start_worker() -> None:
    """Prepares a worker process; called there."""
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
