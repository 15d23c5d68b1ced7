"""Checks what a model is given, and brings images to its size."""

from typing import Any

import numpy as np

from bigbigan_jax.data.transforms import center_crop
from bigbigan_jax.hub.errors import InputError

_SLACK = 1e-3  # what resizing with overshoot or rounding to bfloat16 may add to -1 and 1
_RIGHT = "give uint8 images in 0..255, or floats in [-1, 1], which is uint8 / 127.5 - 1"


def as_images(images: Any, size: int, channels: int) -> np.ndarray:
    """Images as a network takes them.

    Those of another size are resized, the short side first (bicubic), and their centre is cut out;
    floats are rounded to 8 bits for that.

    Args:
      images: [N, H, W, channels], NumPy or JAX; uint8, or floats in [-1, 1].
      size: S, side in pixels that is wanted.
      channels: 1 or 3.

    Returns:
      [N, S, S, channels], uint8 or float32.

    Raises:
      InputError: the shape, the type or the range of the values is another; in [0, 1], or
        normalised by ImageNet's mean and standard deviation, are what is met most.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != channels or 0 in images.shape[1:]:
        raise InputError(
            f"images have shape {list(images.shape)}; this model takes [N, H, W, {channels}]"
        )
    if images.dtype != np.uint8:
        images = _checked_floats(images)
    if images.shape[1:3] == (size, size) or not len(images):
        return images if len(images) else np.zeros((0, size, size, channels), images.dtype)
    if images.dtype != np.uint8:
        images = np.round((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)
    return np.stack([center_crop(image, size) for image in images])


def as_latents(z: Any, z_dim: int) -> np.ndarray:
    """Latents as a network takes them.

    Returns:
      [N, z_dim] float32.

    Raises:
      InputError: the shape is another, or values are not finite numbers.
    """
    z = np.asarray(z)
    if z.ndim != 2 or z.shape[1] != z_dim:
        raise InputError(f"z has shape {list(z.shape)}; this model takes [N, {z_dim}]")
    z = _as_float32(z, "z")
    if not np.isfinite(z).all():
        raise InputError("z holds NaN or infinity")
    return z


def _checked_floats(images: np.ndarray) -> np.ndarray:
    images = _as_float32(images, "images")
    if not images.size:
        return images
    if not np.isfinite(images).all():
        raise InputError("images hold NaN or infinity")
    low, high = float(images.min()), float(images.max())
    found = f"images are floats from {low:.3g} to {high:.3g}"
    if low < -1 - _SLACK or high > 1 + _SLACK:
        guess = ""
        if high > 3:
            guess = ", which looks like 0..255" if low >= 0 else ""
        elif low < -1 - _SLACK:
            guess = ", which looks like normalisation by a mean and a standard deviation"
        raise InputError(f"{found}{guess}; {_RIGHT}")
    if low >= 0 and high > 0:
        raise InputError(f"{found}, which looks like [0, 1]; {_RIGHT}")
    return images


def _as_float32(array: np.ndarray, name: str) -> np.ndarray:
    # bfloat16 is not a subtype of NumPy's floating types.
    if not (np.issubdtype(array.dtype, np.floating) or array.dtype.name == "bfloat16"):
        wanted = "floats, or uint8 for images" if name == "images" else "floats"
        raise InputError(f"{name} are {array.dtype}; they must be {wanted}")
    return array.astype(np.float32)
