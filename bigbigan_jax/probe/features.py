"""Features of images with their labels."""

import dataclasses
from collections.abc import Generator, Mapping
from typing import Protocol

import jax
import numpy as np

from bigbigan_jax.probe.errors import ProbeError

_ROWS = 4096  # read at a time

Batches = Generator[tuple[np.ndarray | jax.Array, np.ndarray | jax.Array], None, None]


class TrainingSet(Protocol):
    """What a linear probe is trained on: `Features`, or others that come in batches.

    Attributes:
      width: F, the number of features of an image.
      num_classes: how many classes there are.
    """

    width: int
    num_classes: int

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each feature, [F]."""

    def batches(self, batch_size: int, seed: int) -> Batches:
        """Features [B, F] and labels [B] of B images in random order, without end."""


@dataclasses.dataclass(frozen=True)
class Features:
    """Features of labelled images.

    Attributes:
      values: [N, F] floats, in memory or mapped from a file.
      labels: int [N], 0 up to `num_classes`.
      num_classes: how many classes there are.
    """

    values: np.ndarray
    labels: np.ndarray
    num_classes: int

    def __post_init__(self) -> None:
        """Checks shapes and labels.

        Raises:
          ProbeError: they do not fit together.
        """
        if self.values.ndim != 2 or 0 in self.values.shape:
            raise ProbeError(f"features have shape {list(self.values.shape)}, not [N, F]")
        if not np.issubdtype(self.values.dtype, np.number):
            raise ProbeError(f"features are {self.values.dtype}; they must be numbers")
        if self.labels.shape != self.values.shape[:1]:
            raise ProbeError(
                f"labels have shape {list(self.labels.shape)}; there are features of "
                f"{len(self.values)} images, so it must be [{len(self.values)}]"
            )
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise ProbeError(f"labels are {self.labels.dtype}; they must be whole numbers")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= self.num_classes:
            raise ProbeError(
                f"labels are from {low} to {high}; of {self.num_classes} classes they must be from "
                f"0 to {self.num_classes - 1} (are labels missing?)"
            )

    @property
    def width(self) -> int:
        """F, the number of features of an image."""
        return self.values.shape[1]

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.values)

    def rows(self, indices: np.ndarray | slice) -> np.ndarray:
        """Some rows as float32.

        Raises:
          ProbeError: there are values that are not finite.
        """
        rows = np.asarray(self.values[indices], np.float32)
        if not np.isfinite(rows).all():
            raise ProbeError("features hold NaN or infinity")
        return rows

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each feature, float64 [F]; read once, a part at a time."""
        total, squares = np.zeros(self.width), np.zeros(self.width)
        shift = self.rows(slice(0, 1))[0].astype(np.float64)  # or squares would cancel
        for start in range(0, len(self), _ROWS):
            rows = self.rows(slice(start, start + _ROWS)) - shift
            total += rows.sum(axis=0)
            squares += (rows**2).sum(axis=0)
        mean = total / len(self)
        return mean + shift, np.maximum(squares / len(self) - mean**2, 0)

    def batches(self, batch_size: int, seed: int) -> Batches:
        """See `TrainingSet`; each epoch has a new order, and a set that is smaller is a batch."""
        rng = np.random.default_rng(seed)
        batch_size = min(batch_size, len(self))
        while True:
            order = rng.permutation(len(self))
            for start in range(0, len(self) - batch_size + 1, batch_size):
                rows = np.sort(order[start : start + batch_size])  # in the order of the file
                yield self.rows(rows), np.asarray(self.labels[rows], np.int32)


def check_same_kind(features: Mapping[str, TrainingSet]) -> None:
    """Checks that sets of features, by name, are of one width and number of classes.

    Raises:
      ProbeError: names two that differ.
    """
    (name, first), *others = features.items()
    for other_name, other in others:
        if (other.width, other.num_classes) != (first.width, first.num_classes):
            raise ProbeError(
                f"{name} has {first.width} features and {first.num_classes} classes, {other_name} "
                f"has {other.width} and {other.num_classes}; they must be of one model and set"
            )
