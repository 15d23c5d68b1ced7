"""From the bytes of an image file to pixels."""

import io
import struct

import cv2
import numpy as np
from PIL import Image

from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.jpeg import MAX_PIXELS, decode_jpeg, read_header

# The EXIF orientation is ignored, as TensorFlow's decoder ignores it: the published results
# on ImageNet are on images as stored.
_FLAGS = {
    1: cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
    3: cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
}
# What Pillow's decoders raise on damaged files; the warning is an error where users ask for that.
_REFUSALS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
_PNG = b"\x89PNG\r\n\x1a\n"


def decode(data: bytes, channels: int) -> np.ndarray:
    """Decodes an image file, whatever its name says it is.

    JPEG (grey, colour, CMYK and YCCK), PNG (palette and 16 bits too) and the other formats of
    Pillow. An alpha channel is dropped, 16 bits are cut to the upper 8, and the EXIF
    orientation is not applied.

    Args:
      data: the content of the file.
      channels: 1 for grey (the luma of a colour image), 3 for RGB.

    Returns:
      uint8 [H, W, channels] in 0..255.

    Raises:
      DataError: if the bytes are no complete image, if their header claims more than
        `bigbigan_jax.data.jpeg.MAX_PIXELS` pixels, or if channels is neither 1 nor 3.
    """
    if channels not in _FLAGS:
        raise DataError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")
    header = read_header(data)
    if header is not None and header.components != 4:
        return decode_jpeg(data, header, channels)
    pixels = None
    if data.startswith(_PNG):
        width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        if width * height > MAX_PIXELS:
            raise DataError(f"a PNG of {width}x{height} pixels; the limit is {MAX_PIXELS} pixels")
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[channels])
    if pixels is None:
        pixels = _decode_with_pillow(data, channels)
    return pixels.reshape(*pixels.shape[:2], channels)


def as_pixels(image: bytes | np.ndarray, channels: int) -> np.ndarray:
    """Returns the pixels of a record's image, decoded if need be.

    Args:
      image: the bytes of an image file, or uint8 [H, W, 1 or 3].
      channels: 1 for grey, 3 for RGB. Grey is repeated to make RGB; RGB becomes luma.

    Returns:
      uint8 [H, W, channels] in 0..255.

    Raises:
      DataError: if the bytes cannot be decoded or the array is no such image.
    """
    if not isinstance(image, np.ndarray):
        return decode(image, channels)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in _FLAGS:
        raise DataError(
            f"an image must be uint8 [H, W, 1 or 3], got {image.dtype} {list(image.shape)}"
        )
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    if channels == 1:
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    raise DataError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")


def _decode_with_pillow(data: bytes, channels: int) -> np.ndarray:
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width}x{image.height} pixels; the limit is {MAX_PIXELS}")
        if image.mode.startswith("I;16"):  # Pillow would clip 16 bits, not scale them
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return np.array(image.convert("L" if channels == 1 else "RGB"))
    except _REFUSALS as error:
        raise DataError(
            f"{len(data)} bytes starting with {data[:8]!r} are not a complete image: {error}"
        ) from error
