"""A training image from its file: what the crop does not need is not decoded."""

from typing import NamedTuple

import numpy as np

from bigbigan_jax.data.decode import as_pixels
from bigbigan_jax.data.jpeg import JpegHeader, decode_rows, read_header
from bigbigan_jax.data.resize import resize_box
from bigbigan_jax.data.transforms import (
    Augmentation,
    draw_flip,
    mirrored,
    random_crop_resize,
    sample_crop,
)

# A reduced crop stays this much larger than its result, so that what is left of the shrinking,
# done by the proper filter, decides how the image looks.
_MARGIN = 1.5


class Crop(NamedTuple):
    """What becomes of a JPEG.

    Attributes:
      header: of the file.
      box: (top, left, height, width) in whole pixels of the image.
      flip: whether the result is mirrored left to right.
    """

    header: JpegHeader
    box: tuple[int, int, int, int]
    flip: bool


def reduction_for(height: int, width: int, size: int) -> int:
    """The scale at which a crop of a JPEG is decoded.

    Half, a quarter or an eighth, as long as the crop's sides stay at least 1.5 times as large as
    the result's. On photographs that changes values, against those of the full scale, by less than
    1 of 255 on the average and less than 2 over any one image; 999 in 1000 by 25 or less.

    Args:
      height: of the crop in pixels.
      width: of the crop in pixels.
      size: side of the result in pixels.

    Returns:
      1, 2, 4 or 8: by what both sides are divided.
    """
    reduction = 1
    while reduction < 8 and min(height, width) >= 2 * reduction * _MARGIN * size:
        reduction *= 2
    return reduction


def draw_crop(
    image: bytes | np.ndarray, augmentation: Augmentation, rng: np.random.Generator
) -> Crop | None:
    """Draws what becomes of an image, from its header alone.

    It depends on the image's size alone: it is what `random_crop_resize` draws for the decoded
    image.

    Args:
      image: the bytes of an image file, or uint8 [H, W, 1 or 3].
      augmentation: what to draw.
      rng: source of randomness.

    Returns:
      What was drawn; None, with nothing drawn, for what is not a grey or colour JPEG or not to be
      cropped at random, all of which is decoded whole.

    Raises:
      DataError: if the image would have more than `MAX_PIXELS` pixels.
    """
    if not augmentation.random_crop or isinstance(image, np.ndarray):
        return None
    header = read_header(image)
    if header is None or header.components == 4:
        return None
    box = sample_crop(header.height, header.width, augmentation, rng)
    return Crop(header, box, draw_flip(augmentation, rng))


def decode_crop(
    data: bytes, crop: Crop, size: int, channels: int, augmentation: Augmentation
) -> np.ndarray:
    """Decodes what a crop needs of a JPEG, and resizes it to a square.

    Args:
      data: the content of the file.
      crop: what `draw_crop` drew for it.
      size: S, side of the result in pixels.
      channels: C, 1 for grey or 3 for RGB.
      augmentation: says how to resize.

    Returns:
      uint8 [S, S, C].

    Raises:
      DataError: if the image cannot be decoded.
    """
    top, _, height, width = crop.box
    reduction = reduction_for(height, width, size)
    pixels = decode_rows(data, crop.header, channels, top + height, reduction)
    box = crop.box if reduction == 1 else tuple(edge / reduction for edge in crop.box)
    result = resize_box(pixels, box, size, size, augmentation.interpolation)
    return mirrored(result) if crop.flip else result


def random_crop(
    image: bytes | np.ndarray,
    size: int,
    channels: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> np.ndarray:
    """Decodes an image and applies an augmentation: crop, resize to a square, flip.

    Args:
      image: the bytes of an image file, or uint8 [H, W, 1 or 3].
      size: S, side of the result in pixels.
      channels: C, 1 for grey or 3 for RGB.
      augmentation: what to draw.
      rng: source of randomness.

    Returns:
      uint8 [S, S, C].

    Raises:
      DataError: if the image cannot be decoded.
    """
    crop = draw_crop(image, augmentation, rng)
    if crop is None:
        return random_crop_resize(as_pixels(image, channels), size, augmentation, rng)
    return decode_crop(image, crop, size, channels, augmentation)
