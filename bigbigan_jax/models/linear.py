"""Linear layers of the encoder, and of the networks of BiGAN and ALI."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.partitioning import gathered

_he_normal = nn.initializers.he_normal()


class _GatheredKernel:
    """Mixin: stands before a Flax layer, whose kernel may be sharded until it is used."""

    def param(self, name, init_fn, *init_args, **init_kwargs):
        value = super().param(name, init_fn, *init_args, **init_kwargs)
        return gathered(value.astype(self.dtype)) if name == "kernel" else value


class Dense(_GatheredKernel, nn.Dense):
    """`flax.linen.Dense` with He initial values."""

    kernel_init: nn.initializers.Initializer = _he_normal


class Conv(_GatheredKernel, nn.Conv):
    """`flax.linen.Conv` without bias, with He initial values."""

    use_bias: bool = False
    kernel_init: nn.initializers.Initializer = _he_normal


class ConvTranspose(_GatheredKernel, nn.ConvTranspose):
    """`flax.linen.ConvTranspose` without bias, with He initial values."""

    use_bias: bool = False
    kernel_init: nn.initializers.Initializer = _he_normal


class Stem(nn.Module):
    """The first convolution of a trunk.

    Called with x [B, H, W, C]; returns [B, H / 4, W / 4, features] with the ImageNet stem, which is
    a 7×7 convolution of stride 2 and max-pooling; [B, H, W, features] from one 3×3 convolution, for
    small images, without it.

    Attributes:
      features: a multiple of twice `parts`.
      imagenet: whether it is the ImageNet stem.
      dtype: of the computation.
      parts: into how many parts the ImageNet stem takes its features, one after the other; the
        backward pass takes twice as many, and computes each again instead of remembering it: in the
        widest trunk what is pooled is larger than all else. 0 to take them at once and remember.
    """

    features: int
    imagenet: bool
    dtype: Any
    parts: int = 0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if not self.imagenet:
            return Conv(self.features, (3, 3), dtype=self.dtype, name="conv")(x)

        def pooled(x: jax.Array, kernel: jax.Array, *arguments, **options) -> jax.Array:
            def pooled_part(x: jax.Array, kernel: jax.Array) -> jax.Array:
                x = jax.lax.conv_general_dilated(x, kernel, *arguments, **options)
                return nn.max_pool(x, (3, 3), (2, 2), padding="SAME")

            form = in_parts(pooled_part, self.parts) if self.parts else pooled_part
            return form(x, kernel)

        size = {"kernel_size": (7, 7), "strides": (2, 2), "conv_general_dilated": pooled}
        return Conv(self.features, **size, dtype=self.dtype, name="conv")(x)


def in_parts(
    layer: Callable[[jax.Array, jax.Array], jax.Array], parts: int
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """A layer, of (x, kernel), whose features are computed in parts, one after the other.

    The backward pass remembers x and the kernel alone.

    Args:
      layer: each of its features depends on one of the kernel, whose last axis they are.
      parts: how many; the backward pass takes twice as many.

    Returns:
      The same function of (x, kernel).
    """

    @jax.custom_vjp
    def joined(x, kernel):
        done = []
        for part in jnp.split(kernel, parts, axis=-1):
            # Without the barriers the compiler would begin a part before the last is done.
            x, done = jax.lax.optimization_barrier((x, done))
            done.append(layer(x, part))
        return jnp.concatenate(done, axis=-1)

    def forward(x, kernel):
        return joined(x, kernel), (x, kernel)

    def backward(remembered, gradient):
        (x, kernel), of_x, of_kernel = remembered, jnp.zeros_like(remembered[0]), []
        for part, of_out in zip(
            jnp.split(kernel, 2 * parts, axis=-1),
            jnp.split(gradient, 2 * parts, axis=-1),
            strict=True,
        ):
            x, of_out, of_kernel = jax.lax.optimization_barrier((x, of_out, of_kernel))
            of_x_by_part, of_part = jax.vjp(layer, x, part)[1](of_out)
            of_x += of_x_by_part
            of_kernel.append(of_part)
        return of_x, jnp.concatenate(of_kernel, axis=-1)

    joined.defvjp(forward, backward)
    return joined
