"""Crops, resizing and flips of single images."""

import dataclasses
import math
from types import MappingProxyType

import cv2
import numpy as np

from bigbigan_jax.data.resize import Interpolation, pillow_resize, resize_box

_TRIES = 10
_LONGEST = 16  # times the short side


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How a training image is varied.

    Attributes:
      area: range of the crop's share of the image's area, 0..1; None for the centre crop.
      aspect: range of the crop's width divided by its height, drawn log-uniformly, so that
        3/4 is as likely as 4/3.
      interpolation: "bicubic" or "bilinear".
      flip: whether every second image, at random, is mirrored left to right.
      side: range of the share of the short side that the side of a square crop is, 0..1, in place
        of `area` and `aspect`; the square lies anywhere in the image. None for none.
    """

    area: tuple[float, float] | None
    aspect: tuple[float, float]
    interpolation: Interpolation
    flip: bool
    side: tuple[float, float] | None = None

    @property
    def random_crop(self) -> bool:
        """Whether the crop is drawn at random, rather than that of `center_crop`."""
        return self.area is not None or self.side is not None


AUGMENTATIONS = MappingProxyType(
    {
        "resnet": Augmentation((0.08, 1.0), (3 / 4, 4 / 3), "bicubic", flip=True),
        "table3": Augmentation((0.5, 1.0), (1.0, 1.0), "bilinear", flip=False),
        "bigan": Augmentation(None, (1.0, 1.0), "bicubic", flip=False, side=(64 / 72, 64 / 72)),
        "bigan_e112": Augmentation(
            None, (1.0, 1.0), "bicubic", flip=False, side=(112 / 128, 112 / 128)
        ),
        "flip": Augmentation(None, (1.0, 1.0), "bicubic", flip=True),
        "none": Augmentation(None, (1.0, 1.0), "bicubic", flip=False),
    }
)
"""The augmentations by name.

"resnet" is that of BigBiGAN's Tables 1 and 2 and "table3" that of its Table 3 (Donahue and
Simonyan 2019, arXiv 1907.02544). The log-uniform aspect and the antialiased bilinear filter
are decisions: the paper does not describe them. "bigan" and "bigan_e112" are BiGAN's on ImageNet
(arXiv 1605.09782): crops of 64 px of images whose short side is 72 px, and of 112 of 128 px. Its
authors' code mirrors none, and resizes the whole image first, with a Lanczos filter; that the crop
is cut first and that the filter is bicubic are decisions. "flip" and "none" only crop the centre.
"""


def sample_crop(
    height: int, width: int, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Draws a crop box.

    Up to ten times, an area (uniform) and an aspect (log-uniform) are drawn and the box is
    taken if it fits into the image; after ten failures, or where the augmentation has no
    area, it is the largest centred square. Where it has a side, it is a square of such a share of
    the short side (uniform), at a uniform position.

    Args:
      height: height of the image in pixels.
      width: width of the image in pixels.
      augmentation: the ranges to draw from.
      rng: source of randomness.

    Returns:
      (top, left, height, width) in whole pixels, inside the image.
    """
    short = min(height, width)
    if augmentation.side is not None:
        least, most = augmentation.side
        share = least if least == most else least + (most - least) * rng.random()
        side = max(1, round(short * share))
        top = int(rng.random() * (height - side + 1))
        left = int(rng.random() * (width - side + 1))
        return top, left, side, side
    if augmentation.area is not None:
        least, most = augmentation.area
        low, high = (math.log(aspect) for aspect in augmentation.aspect)
        # `random` alone, as `uniform` and `integers` take five times as long.
        for _ in range(_TRIES):
            area = height * width * (least + (most - least) * rng.random())
            aspect = math.exp(low + (high - low) * rng.random())
            box_height, box_width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < box_height <= height and 0 < box_width <= width:
                top = int(rng.random() * (height - box_height + 1))
                left = int(rng.random() * (width - box_width + 1))
                return top, left, box_height, box_width
    return (height - short) // 2, (width - short) // 2, short, short


def random_crop_resize(
    image: np.ndarray, size: int, augmentation: Augmentation, rng: np.random.Generator
) -> np.ndarray:
    """Applies an augmentation: crop, resize to a square, flip.

    Args:
      image: uint8 [H, W, C], C 1 or 3.
      size: side of the result in pixels.
      augmentation: what to draw; if not a random crop, it is that of `center_crop`.
      rng: source of randomness.

    Returns:
      uint8 [size, size, C].
    """
    if not augmentation.random_crop:
        result = center_crop(image, size)
    else:
        box = sample_crop(*image.shape[:2], augmentation, rng)
        result = resize_box(image, box, size, size, augmentation.interpolation)
    return mirrored(result) if draw_flip(augmentation, rng) else result


def draw_flip(augmentation: Augmentation, rng: np.random.Generator) -> bool:
    """Says of every second image, at random, to mirror it, if that is part of the augmentation.

    Args:
      augmentation: says whether it is.
      rng: source of randomness, from which the crop has been drawn before.

    Returns:
      Whether to mirror it left to right.
    """
    return augmentation.flip and rng.random() < 0.5


def mirrored(image: np.ndarray) -> np.ndarray:
    """The mirror image of uint8 [H, W, C], C 1 or 3, left to right."""
    # Ten times as fast as NumPy's copy of image[:, ::-1].
    return cv2.flip(image, 1).reshape(image.shape)


def center_crop(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes the short side to `size`, bicubic, and cuts the central square.

    Of an image more than 16 times as long as wide only the middle is resized: the whole, made
    larger, could take gigabytes.

    Args:
      image: uint8 [H, W, C], C 1 or 3.
      size: side of the result in pixels.

    Returns:
      uint8 [size, size, C]; an image that is [size, size, C] already comes back unchanged.
    """
    height, width = image.shape[:2]
    short = min(height, width)
    if max(height, width) > _LONGEST * short:
        middle = [max(0, (side - _LONGEST * short) // 2) for side in (height, width)]
        image = image[middle[0] : height - middle[0], middle[1] : width - middle[1]]
        height, width = image.shape[:2]
    height, width = round(height * size / short), round(width * size / short)
    resized = pillow_resize(image, height, width, "bicubic")
    top, left = (height - size) // 2, (width - size) // 2
    return resized[top : top + size, left : left + size]
