"""A source whose images are held in memory."""

from typing import Any

import numpy as np

from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.fingerprint import fingerprint


class ArraySource:
    """Images and labels in arrays, as a `Source`.

    Attributes:
      name: name of the data set.
      split: name of the split.
      num_classes: number of classes, None where there are no labels.
      fingerprint: hash of the name, the split, the size and some of the content.
    """

    def __init__(
        self,
        name: str,
        split: str,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        num_classes: int | None = None,
    ) -> None:
        """Wraps arrays.

        Args:
          name: name of the data set.
          split: name of the split.
          images: uint8 [N, H, W, C].
          labels: integers [N] in 0..num_classes-1, or None.
          num_classes: number of classes; given if and only if labels are.

        Raises:
          DataError: if shapes or types do not fit together.
        """
        if images.dtype != np.uint8 or images.ndim != 4:
            raise DataError(
                f"{name} split {split!r}: images must be uint8 [N, H, W, C], "
                f"got {images.dtype} {list(images.shape)}"
            )
        if (labels is None) != (num_classes is None):
            raise DataError(f"{name} split {split!r}: give both labels and num_classes, or neither")
        if labels is not None and labels.shape != images.shape[:1]:
            raise DataError(
                f"{name} split {split!r}: {len(images)} images need labels of shape "
                f"[{len(images)}], got {list(labels.shape)}"
            )
        self.name = name
        self.split = split
        self.num_classes = num_classes
        self._images = images
        self._labels = labels
        self.fingerprint = fingerprint(name, split, self)

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self._images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns {"image": uint8 [H, W, C], "label": int}, without a label if there is none."""
        record: dict[str, Any] = {"image": self._images[index]}
        if self._labels is not None:
            record["label"] = int(self._labels[index])
        return record
