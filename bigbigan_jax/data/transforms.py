"""Crops, resizing and flips of single images."""

import dataclasses
import math
from types import MappingProxyType
from typing import Literal

import numpy as np
from PIL import Image

_TRIES = 10
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How a training image is varied.

    Attributes:
      area: range of the crop's share of the image's area, 0..1; None for the centre crop.
      aspect: range of the crop's width divided by its height, drawn log-uniformly, so that
        3/4 is as likely as 4/3.
      interpolation: "bicubic" or "bilinear".
      flip: whether every second image, at random, is mirrored left to right.
    """

    area: tuple[float, float] | None
    aspect: tuple[float, float]
    interpolation: Literal["bilinear", "bicubic"]
    flip: bool


AUGMENTATIONS = MappingProxyType(
    {
        "resnet": Augmentation((0.08, 1.0), (3 / 4, 4 / 3), "bicubic", flip=True),
        "table3": Augmentation((0.5, 1.0), (1.0, 1.0), "bilinear", flip=False),
        "flip": Augmentation(None, (1.0, 1.0), "bicubic", flip=True),
        "none": Augmentation(None, (1.0, 1.0), "bicubic", flip=False),
    }
)
"""The augmentations by name.

"resnet" is that of BigBiGAN's Tables 1 and 2 and "table3" that of its Table 3 (Donahue and
Simonyan 2019, arXiv 1907.02544). The log-uniform aspect and the antialiased bilinear filter
are decisions: the paper does not describe them. "flip" and "none" only crop the centre.
"""


def sample_crop(
    height: int, width: int, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Draws a crop box.

    Up to ten times, an area (uniform) and an aspect (log-uniform) are drawn and the box is
    taken if it fits into the image; after ten failures, or where the augmentation has no
    area, it is the largest centred square.

    Args:
      height: height of the image in pixels.
      width: width of the image in pixels.
      augmentation: the ranges to draw from.
      rng: source of randomness.

    Returns:
      (top, left, height, width) in whole pixels, inside the image.
    """
    if augmentation.area is not None:
        low, high = (math.log(aspect) for aspect in augmentation.aspect)
        for _ in range(_TRIES):
            area = height * width * rng.uniform(*augmentation.area)
            aspect = math.exp(rng.uniform(low, high))
            box_height, box_width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < box_height <= height and 0 < box_width <= width:
                top = int(rng.integers(height - box_height + 1))
                left = int(rng.integers(width - box_width + 1))
                return top, left, box_height, box_width
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


def random_crop_resize(
    image: np.ndarray, size: int, augmentation: Augmentation, rng: np.random.Generator
) -> np.ndarray:
    """Applies an augmentation: crop, resize to a square, flip.

    Args:
      image: uint8 [H, W, C], C 1 or 3.
      size: side of the result in pixels.
      augmentation: what to draw; without an area, the crop is that of `center_crop`.
      rng: source of randomness.

    Returns:
      uint8 [size, size, C].
    """
    if augmentation.area is None:
        result = center_crop(image, size)
    else:
        top, left, height, width = sample_crop(*image.shape[:2], augmentation, rng)
        box = image[top : top + height, left : left + width]
        result = _resize(box, size, size, augmentation.interpolation)
    if augmentation.flip and rng.random() < 0.5:
        result = result[:, ::-1]
    return result


def center_crop(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes the short side to `size`, bicubic, and cuts the central square.

    Args:
      image: uint8 [H, W, C], C 1 or 3.
      size: side of the result in pixels.

    Returns:
      uint8 [size, size, C]; an image that is [size, size, C] already comes back unchanged.
    """
    height, width = image.shape[:2]
    short = min(height, width)
    height, width = round(height * size / short), round(width * size / short)
    resized = _resize(image, height, width, "bicubic")
    top, left = (height - size) // 2, (width - size) // 2
    return resized[top : top + size, left : left + size]


def _resize(image: np.ndarray, height: int, width: int, interpolation: str) -> np.ndarray:
    # Pillow's filters widen when they shrink an image, so fine detail is averaged and not
    # aliased; its bicubic kernel has a = -0.5. OpenCV's INTER_CUBIC does neither, and
    # INTER_AREA blurs where it enlarges or barely shrinks, as many random crops do.
    if image.shape[:2] == (height, width):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    resized = np.asarray(picture.resize((width, height), _FILTERS[interpolation]))
    return resized.reshape(height, width, image.shape[2])
