"""Convolutions folded with the resampling next to them: same function, 2.25 times fewer FLOPs.

Nearest-neighbour upsampling followed by a 3×3 convolution is one transposed 4×4 convolution of
stride 2, and a 3×3 convolution followed by 2×2 average pooling is one 4×4 convolution of stride
2; in both the 4×4 kernel is the 3×3 one convolved with a 2×2 box. Zero padding agrees at the
borders too. Each function has the call signature of `jax.lax.conv_general_dilated`, so it fits
the field `conv_general_dilated` of `flax.linen.Conv`, whose parameter stays the 3×3 kernel.
"""

import jax
import jax.numpy as jnp
from jax import lax

DIMENSION_NUMBERS = ("NHWC", "HWIO", "NHWC")


def upsample_conv(x: jax.Array, kernel: jax.Array, *_, precision=None, **__) -> jax.Array:
    """Nearest ×2, then a 3×3 "SAME" convolution.

    Args:
      x: [B, H, W, C].
      kernel: [3, 3, C, D].
      precision: as in `jax.lax.conv_general_dilated`.

    Returns:
      [B, 2H, 2W, D].
    """
    kernel = _box_filtered(kernel)
    # XLA runs input-dilated convolutions well on accelerators and slowly on CPUs.
    return lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: _by_phases(x, kernel, precision),
        default=lambda x, kernel: _by_dilation(x, kernel, precision),
    )


def conv_downsample(x: jax.Array, kernel: jax.Array, *_, precision=None, **__) -> jax.Array:
    """A 3×3 "SAME" convolution, then 2×2 average pooling.

    Args:
      x: [B, H, W, C], H and W even.
      kernel: [3, 3, C, D].
      precision: as in `jax.lax.conv_general_dilated`.

    Returns:
      [B, H / 2, W / 2, D].
    """
    return lax.conv_general_dilated(
        x,
        _box_filtered(kernel) / 4,
        window_strides=(2, 2),
        padding=((1, 1), (1, 1)),
        dimension_numbers=DIMENSION_NUMBERS,
        precision=precision,
    )


def _box_filtered(kernel: jax.Array) -> jax.Array:
    """The 3×3 kernel convolved with a 2×2 box of ones: [3, 3, C, D] -> [4, 4, C, D]."""
    # Summed in float32, so that in bfloat16 each tap is rounded once.
    padded = jnp.pad(kernel.astype(jnp.float32), ((1, 1), (1, 1), (0, 0), (0, 0)))
    rows = padded[1:] + padded[:-1]
    return (rows[:, 1:] + rows[:, :-1]).astype(kernel.dtype)


def _by_dilation(x: jax.Array, kernel: jax.Array, precision) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding=((2, 2), (2, 2)),
        lhs_dilation=(2, 2),
        dimension_numbers=DIMENSION_NUMBERS,
        precision=precision,
    )


def _by_phases(x: jax.Array, kernel: jax.Array, precision) -> jax.Array:
    """The four output phases as one 2×2 convolution to 4·D channels, then depth to space."""
    batch, height, width, channels = x.shape
    features = kernel.shape[-1]
    # As a matrix product of 2×2 patches, because XLA's CPU backend takes ten times longer
    # for the weight gradient of the convolution.
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = [x[:, a : a + height + 1, b : b + width + 1] for a in (0, 1) for b in (0, 1)]
    # Tap 2a + p of the 4×4 kernel is tap a of phase p.
    phases = kernel.reshape(2, 2, 2, 2, channels, features).transpose(0, 2, 4, 1, 3, 5)
    y = jnp.matmul(
        jnp.concatenate(patches, axis=-1),
        phases.reshape(4 * channels, 4 * features),
        precision=precision,
    ).reshape(batch, height + 1, width + 1, 2, 2, features)
    # Phase 0 of an output pair looks one pixel to the left, phase 1 one to the right.
    rows = jnp.stack([y[:, :-1, :, 0], y[:, 1:, :, 1]], axis=2)
    both = jnp.stack([rows[:, :, :, :-1, 0], rows[:, :, :, 1:, 1]], axis=4)
    return both.reshape(batch, 2 * height, 2 * width, features)
