"""The resize of TensorFlow 1, which the graph of FID begins with."""

import jax
import jax.numpy as jnp
import numpy as np


def tf1_bilinear(images: jax.Array, side: int) -> jax.Array:
    """Bilinear resize as `tf.image.resize_bilinear` did it, without aligned corners.

    Pixel i of the result lies at i · (old / new) of the image, not at the half-pixel centres of
    later versions, and nothing is averaged where an image shrinks. FID depends on it (Parmar et
    al., arXiv 2104.11222).

    Args:
      images: float [B, H, W, C].
      side: height and width of the result.

    Returns:
      [B, side, side, C], float32.
    """
    if images.shape[1:3] == (side, side):
        return images
    rows, columns = (jnp.asarray(_weights(size, side)) for size in images.shape[1:3])
    return jnp.einsum(
        "yh,bhwc,xw->byxc", rows, images, columns, precision=jax.lax.Precision.HIGHEST
    )


def tf1_bilinear_on_host(image: np.ndarray, side: int) -> np.ndarray:
    """The same for one image of any size: uint8 [H, W, C] to float32 [side, side, C]."""
    rows, columns = (_weights(size, side) for size in image.shape[:2])
    halfway = np.einsum("yh,hwc->ywc", rows, image.astype(np.float32), optimize=True)
    return np.einsum("xw,ywc->yxc", columns, halfway, optimize=True)


def _weights(old: int, new: int) -> np.ndarray:
    """How much of each old pixel is in each new one: [new, old], float32."""
    # In single precision, as TensorFlow computes them.
    places = np.arange(new, dtype=np.float32) * (np.float32(old) / np.float32(new))
    lower = places.astype(int)
    share = places - lower.astype(np.float32)
    weights = np.zeros((new, old), np.float32)
    weights[np.arange(new), lower] = 1 - share
    weights[np.arange(new), np.minimum(lower + 1, old - 1)] += share
    return weights
