"""Linear layers of the encoder."""

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


class Stem(nn.Module):
    """The first convolution of a trunk.

    Called with x [B, H, W, C]; returns [B, H / 4, W / 4, features] with the ImageNet stem, which is
    a 7×7 convolution of stride 2 and max-pooling; [B, H, W, features] from one 3×3 convolution, for
    small images, without it.

    Attributes:
      features: a multiple of `parts`.
      imagenet: whether it is the ImageNet stem.
      dtype: of the computation.
      parts: into how many parts the ImageNet stem takes its features, one after the other. The
        backward pass recomputes each instead of remembering it: in the widest trunk what is pooled
        is larger than all else. 0 to take them at once and remember.
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
            x = jax.lax.conv_general_dilated(x, kernel, *arguments, **options)
            return nn.max_pool(x, (3, 3), (2, 2), padding="SAME")

        def pooled_by_parts(x: jax.Array, kernel: jax.Array, *arguments, **options) -> jax.Array:
            def parts(x: jax.Array, kernel: jax.Array) -> jax.Array:
                kernels = jnp.split(kernel, self.parts, axis=-1)
                pooled_parts = [pooled(x, part, *arguments, **options) for part in kernels]
                return jnp.concatenate(pooled_parts, axis=-1)

            return jax.checkpoint(parts)(x, kernel)

        form = pooled_by_parts if self.parts else pooled
        size = {"kernel_size": (7, 7), "strides": (2, 2), "conv_general_dilated": form}
        return Conv(self.features, **size, dtype=self.dtype, name="conv")(x)
