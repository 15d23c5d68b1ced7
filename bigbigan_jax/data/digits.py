"""The handwritten digits that come with scikit-learn: real images that need no download."""

import numpy as np

from bigbigan_jax.data.array_source import ArraySource
from bigbigan_jax.data.errors import DataError

_SPLITS = ("train", "test")


def open_digits(split: str) -> ArraySource:
    """Opens scikit-learn's 1,797 digits (UCI optical recognition, 8x8 pixels, ten classes).

    The fifth, tenth, ... image is held out: 359 images in "test", 1,438 in "train".

    Args:
      split: "train" or "test".

    Returns:
      A source of uint8 [8, 8, 1] images; the original grey values 0..16 are scaled to
      0..255 and rounded, so value = round(original * 255 / 16).

    Raises:
      DataError: if there is no such split.
    """
    if split not in _SPLITS:
        raise DataError(f"digits has no split {split!r}; its splits are 'train' and 'test'")
    # scikit-learn takes a second to import, and only this source needs it.
    from sklearn.datasets import load_digits

    digits = load_digits()
    held_out = np.arange(len(digits.target)) % 5 == 4
    chosen = held_out if split == "test" else ~held_out
    images = np.rint(digits.images[chosen] * (255 / 16)).astype(np.uint8)[..., None]
    return ArraySource("digits", split, images, digits.target[chosen], num_classes=10)
