"""Train-val: images held out of a training set, to choose by while test sets stay untouched.

BigBiGAN (arXiv 1907.02544, section 4) holds 10,000 random images out of ImageNet's training set.
Which ones is not published, so these are this project's, fixed for good: image i of N is ranked by
a mixed i, and the first ranks are held out. Smaller sets give a tenth of their images.
"""

import hashlib
from typing import Any

import numpy as np

from bigbigan_jax.data.errors import DataError

HELD_OUT = 10_000
TRAIN_VAL, TRAIN_WITHOUT_VAL = "train_val", "train_without_val"
SPLITS = (TRAIN_VAL, TRAIN_WITHOUT_VAL)


def held_out(count: int) -> np.ndarray:
    """Which images of a training set are held out.

    Args:
      count: images of the training set, N.

    Returns:
      bool [N]; `HELD_OUT` of them are True, or N // 10 if that is less.
    """
    ranks = np.argsort(_mixed(np.arange(count, dtype=np.uint64)), kind="stable")
    mask = np.zeros(count, bool)
    mask[ranks[: min(HELD_OUT, count // 10)]] = True
    return mask


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64: a bijection of uint64, and not a generator of NumPy, which may change."""
    z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class TrainValSource:
    """One side of a training set, as a `Source`: what is held out, or what is left.

    Attributes:
      name: name of the data set.
      split: `TRAIN_VAL` or `TRAIN_WITHOUT_VAL`.
      num_classes: number of classes, None where there are no labels.
      fingerprint: hash of the training set's and of the numbers chosen.
    """

    def __init__(self, train: Any, split: str) -> None:
        """Takes one side of the split "train" of a set.

        Args:
          train: the `Source` of the whole.
          split: which side.

        Raises:
          DataError: if the set is too small to hold anything out.
        """
        mask = held_out(len(train))
        if not mask.any():
            raise DataError(
                f"{train.name} has {len(train)} training images, of which a tenth would be held "
                f"out; for {split!r} there must be 10 or more"
            )
        self.name = train.name
        self.split = split
        self.num_classes = train.num_classes
        self._train = train
        self._indices = np.flatnonzero(mask if split == TRAIN_VAL else ~mask)
        digest = hashlib.sha256(self._indices.astype("<i8").tobytes())
        digest.update(train.fingerprint.encode())
        self.fingerprint = digest.hexdigest()[:32]

    def __len__(self) -> int:
        """Returns the number of images of this side."""
        return len(self._indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns a record of the training set."""
        return self._train[int(self._indices[index])]

    def __reduce__(self) -> tuple:
        """Pickles without the numbers, which are megabytes for ImageNet."""
        return TrainValSource, (self._train, self.split)
