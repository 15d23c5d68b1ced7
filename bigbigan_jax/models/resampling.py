"""Convolutions folded with the resampling next to them: same function, 2.25 times fewer FLOPs.

Nearest-neighbour upsampling followed by a 3×3 convolution is one transposed 4×4 convolution of
stride 2, and a 3×3 convolution followed by 2×2 average pooling is one 4×4 convolution of stride
2; in both the 4×4 kernel is the 3×3 one convolved with a 2×2 box. Zero padding agrees at the
borders too. Each function has the call signature of `jax.lax.conv_general_dilated`, so it fits
the field `conv_general_dilated` of `flax.linen.Conv`, whose parameter stays the 3×3 kernel.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
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
    return lax.platform_dependent(
        x,
        _box_filtered(kernel),
        # XLA's CPU backend is slow at convolutions with dilated inputs, and its TPU backend
        # multiplies the zeros between the pixels, by the cycles it plans for them.
        cpu=lambda x, kernel: _by_patches(x, kernel, precision),
        tpu=lambda x, kernel: _by_phases(x, kernel, precision),
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
    return _strided(x, _box_filtered(kernel) / 4, precision)


def _strided(x: jax.Array, kernel: jax.Array, precision) -> jax.Array:
    """A convolution [B, H, W, C] -> [B, H / 2, W / 2, D] with a kernel [4, 4, C, D]."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(2, 2),
        padding=((1, 1), (1, 1)),
        dimension_numbers=DIMENSION_NUMBERS,
        precision=precision,
    )


def _box_filtered(kernel: jax.Array) -> jax.Array:
    """The 3×3 kernel convolved with a 2×2 box of ones: [3, 3, C, D] -> [4, 4, C, D]."""
    # Summed in float32, so that in bfloat16 each tap is rounded once; as a window, because sums of
    # shifted slices would write the padded kernel several times over.
    return lax.reduce_window(
        kernel.astype(jnp.float32),
        np.float32(0),
        lax.add,
        window_dimensions=(2, 2, 1, 1),
        window_strides=(1, 1, 1, 1),
        padding=((1, 1), (1, 1), (0, 0), (0, 0)),
    ).astype(kernel.dtype)


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


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _by_phases(x: jax.Array, kernel: jax.Array, precision) -> jax.Array:
    """The four output phases as 2×2 convolutions, then interleaved."""
    batch, height, width, channels = x.shape
    # Tap 2a + p of the 4×4 kernel is tap a of phase p.
    taps = kernel.reshape(2, 2, 2, 2, channels, -1)
    phases = [
        lax.conv_general_dilated(
            x,
            taps[:, p, :, q],
            window_strides=(1, 1),
            padding=((1 - p, p), (1 - q, q)),  # phase 0 looks one pixel back, phase 1 ahead
            dimension_numbers=DIMENSION_NUMBERS,
            precision=precision,
        )[:, :, None, :, None]
        for p in (0, 1)
        for q in (0, 1)
    ]
    y = jnp.concatenate(phases, axis=2).reshape(batch, height, 2, 2, width, -1)
    y = y.swapaxes(3, 4).reshape(batch, 2 * height, 2 * width, -1)
    # Or the BatchNorm that follows would have it interleaved in float32.
    return lax.optimization_barrier(y)


def _by_phases_forward(x, kernel, precision):
    return _by_phases(x, kernel, precision), (x, kernel)


def _by_phases_backward(precision, residuals, gradient):
    # The transpose of the whole is one strided convolution; that of the phases would be four.
    x, kernel = residuals
    transposed = _transposed(kernel)
    _, pull_back = jax.vjp(lambda k: _strided(gradient, k, precision), transposed)
    return _strided(gradient, transposed, precision), _transposed(*pull_back(x))


def _transposed(kernel: jax.Array) -> jax.Array:
    return kernel[::-1, ::-1].swapaxes(2, 3)


_by_phases.defvjp(_by_phases_forward, _by_phases_backward)


def _by_patches(x: jax.Array, kernel: jax.Array, precision) -> jax.Array:
    """The four output phases as one matrix product of 2×2 patches, then interleaved."""
    # A product, because XLA's CPU backend takes ten times longer for the weight gradient of a
    # convolution.
    batch, height, width, channels = x.shape
    features = kernel.shape[-1]
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
