"""Images on the device: hosts send bytes, networks want floats."""

import jax
import jax.numpy as jnp


def scale_images(images: jax.Array) -> jax.Array:
    """uint8 images scaled to float32 in [-1, 1]; float images are taken to be so already."""
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32) / 127.5 - 1
    return images


def to_bytes(images: jax.Array) -> jax.Array:
    """Float images in [-1, 1] as uint8."""
    return jnp.clip(jnp.round((images + 1) * 127.5), 0, 255).astype(jnp.uint8)
