"""A training image from its file: what the crop does not need is not decoded."""

import numpy as np

from bigbigan_jax.data.decode import as_pixels
from bigbigan_jax.data.jpeg import JpegHeader, decode_rows, read_header
from bigbigan_jax.data.resize import resize_box
from bigbigan_jax.data.transforms import Augmentation, random_crop_resize, random_flip, sample_crop

# A reduced crop stays this much larger than its result, so that what is left of the shrinking,
# done by the proper filter, decides how the image looks.
_MARGIN = 1.5


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


def random_crop(
    image: bytes | np.ndarray,
    size: int,
    channels: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> np.ndarray:
    """Decodes an image and applies an augmentation: crop, resize to a square, flip.

    What is drawn depends on the image's size alone: it is what `random_crop_resize` draws for the
    decoded image.

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
    header = None
    if augmentation.area is not None and not isinstance(image, np.ndarray):
        header = read_header(image)
    if header is None or header.components == 4:
        return random_crop_resize(as_pixels(image, channels), size, augmentation, rng)
    box = sample_crop(header.height, header.width, augmentation, rng)
    result = _decode_box(image, header, box, size, channels, augmentation)
    return random_flip(result, augmentation, rng)


def _decode_box(
    data: bytes,
    header: JpegHeader,
    box: tuple[int, int, int, int],
    size: int,
    channels: int,
    augmentation: Augmentation,
) -> np.ndarray:
    top, left, height, width = box
    reduction = reduction_for(height, width, size)
    pixels = decode_rows(data, header, channels, top + height, reduction)
    reduced = box if reduction == 1 else tuple(edge / reduction for edge in box)
    return resize_box(pixels, reduced, size, size, augmentation.interpolation)
