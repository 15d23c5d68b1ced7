"""The network of FID and IS: Inception-v3 as in the TensorFlow graph of 2015-12-05.

Szegedy et al. (arXiv 1512.00567) describe it; the graph (classify_image_graph_def.pb) differs from
later releases: 1008 outputs, average pools that leave padding out, and a max pool in place of an
average pool in the last block. Every published FID rests on these. Scopes have the graph's names,
with "_" for "/", and BatchNorm is folded into the convolution before it.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from bigbigan_jax.inception.resize import tf1_bilinear

SIDE = 299  # of the images that the network sees, in pixels
LOGITS = 1008
TAPS = (64, 192, 768, 2048)

Padding = str | tuple[tuple[int, int], tuple[int, int]]


class Inception(nn.Module):
    """Inception-v3 up to one of its outputs.

    Attributes:
      last: the last output to compute: one of `TAPS`, named by their widths, or `LOGITS`.
    """

    last: int = LOGITS

    @nn.compact
    def __call__(self, images: jax.Array) -> dict[int, jax.Array]:
        """What the network says of images.

        Args:
          images: [B, H, W, 3], values 0 to 255, uint8 or float; resized to 299 px as by TensorFlow
            1, which is part of the graph.

        Returns:
          By width, up to `last`, float32 each: [B, 64], [B, 192] and [B, 768] the means over space
          after the first max pool, the second, and the last block at 17×17 (as pytorch-fid takes
          them); [B, 2048] the pool_3 layer, the features of FID; [B, 1008] the logits without their
          biases, of which the Inception Score is made (as Salimans et al. do in their code).
        """
        x = (tf1_bilinear(images.astype(jnp.float32), SIDE) - 128) / 128
        found: dict[int, jax.Array] = {}
        for tap, part in _PARTS.items():
            x = part(x)
            found[tap] = x.mean(axis=(1, 2))
            if tap == self.last:
                return found
        dense = nn.Dense(LOGITS, use_bias=False, precision=_PRECISION, name="softmax")
        return found | {LOGITS: dense(found[2048])}


# Nothing less gives the published numbers: TPUs and GPUs would round to fewer bits.
_PRECISION = jax.lax.Precision.HIGHEST


def _conv(
    scope: str,
    features: int,
    kernel: tuple[int, int],
    x: jax.Array,
    stride: int = 1,
    padding: Padding = "SAME",
) -> jax.Array:
    convolution = nn.Conv(
        features, kernel, stride, padding=padding, precision=_PRECISION, name=scope
    )
    return nn.relu(convolution(x))


def _max_pool(x: jax.Array, stride: int = 2, padding: str = "VALID") -> jax.Array:
    return nn.max_pool(x, (3, 3), (stride, stride), padding)


def _average_pool(x: jax.Array) -> jax.Array:
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def _chain(scope: str, x: jax.Array, *layers: tuple[int, tuple[int, int]]) -> jax.Array:
    """Convolutions one after the other, named scope, scope_1, scope_2, …"""
    for number, (features, kernel) in enumerate(layers):
        x = _conv(f"{scope}_{number}" if number else scope, features, kernel, x)
    return x


def _stem_64(x: jax.Array) -> jax.Array:
    x = _conv("conv", 32, (3, 3), x, 2, "VALID")
    x = _conv("conv_1", 32, (3, 3), x, 1, "VALID")
    return _max_pool(_conv("conv_2", 64, (3, 3), x))


def _stem_192(x: jax.Array) -> jax.Array:
    x = _conv("conv_3", 80, (1, 1), x)
    return _max_pool(_conv("conv_4", 192, (3, 3), x, 1, "VALID"))


def _block_35(scope: str, pool_features: int, x: jax.Array) -> jax.Array:
    parts = [
        _chain(f"{scope}_conv", x, (64, (1, 1))),
        _chain(f"{scope}_tower_conv", x, (48, (1, 1)), (64, (5, 5))),
        _chain(f"{scope}_tower_1_conv", x, (64, (1, 1)), (96, (3, 3)), (96, (3, 3))),
        _chain(f"{scope}_tower_2_conv", _average_pool(x), (pool_features, (1, 1))),
    ]
    return jnp.concatenate(parts, axis=-1)


def _block_35_to_17(x: jax.Array) -> jax.Array:
    tower = _chain("mixed_3_tower_conv", x, (64, (1, 1)), (96, (3, 3)))
    parts = [
        _conv("mixed_3_conv", 384, (3, 3), x, 2, "VALID"),
        _conv("mixed_3_tower_conv_2", 96, (3, 3), tower, 2, "VALID"),
        _max_pool(x),
    ]
    return jnp.concatenate(parts, axis=-1)


def _block_17(scope: str, inner: int, x: jax.Array) -> jax.Array:
    row, column = (1, 7), (7, 1)
    tower_1 = [(inner, (1, 1)), (inner, column), (inner, row), (inner, column), (192, row)]
    parts = [
        _chain(f"{scope}_conv", x, (192, (1, 1))),
        _chain(f"{scope}_tower_conv", x, (inner, (1, 1)), (inner, row), (192, column)),
        _chain(f"{scope}_tower_1_conv", x, *tower_1),
        _chain(f"{scope}_tower_2_conv", _average_pool(x), (192, (1, 1))),
    ]
    return jnp.concatenate(parts, axis=-1)


def _block_17_to_8(x: jax.Array) -> jax.Array:
    tower = _chain("mixed_8_tower_conv", x, (192, (1, 1)))
    tower_1 = _chain("mixed_8_tower_1_conv", x, (192, (1, 1)), (192, (1, 7)), (192, (7, 1)))
    parts = [
        _conv("mixed_8_tower_conv_1", 320, (3, 3), tower, 2, "VALID"),
        _conv("mixed_8_tower_1_conv_3", 192, (3, 3), tower_1, 2, "VALID"),
        _max_pool(x),
    ]
    return jnp.concatenate(parts, axis=-1)


def _block_8(scope: str, pool: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    tower = _chain(f"{scope}_tower_conv", x, (384, (1, 1)))
    tower_1 = _chain(f"{scope}_tower_1_conv", x, (448, (1, 1)), (384, (3, 3)))
    parts = [
        _chain(f"{scope}_conv", x, (320, (1, 1))),
        _conv(f"{scope}_tower_mixed_conv", 384, (1, 3), tower),
        _conv(f"{scope}_tower_mixed_conv_1", 384, (3, 1), tower),
        _conv(f"{scope}_tower_1_mixed_conv", 384, (1, 3), tower_1),
        _conv(f"{scope}_tower_1_mixed_conv_1", 384, (3, 1), tower_1),
        _chain(f"{scope}_tower_2_conv", pool(x), (192, (1, 1))),
    ]
    return jnp.concatenate(parts, axis=-1)


def _up_to_768(x: jax.Array) -> jax.Array:
    for scope, pool_features in (("mixed", 32), ("mixed_1", 64), ("mixed_2", 64)):
        x = _block_35(scope, pool_features, x)
    x = _block_35_to_17(x)
    for scope, inner in (("mixed_4", 128), ("mixed_5", 160), ("mixed_6", 160), ("mixed_7", 192)):
        x = _block_17(scope, inner, x)
    return x


def _up_to_2048(x: jax.Array) -> jax.Array:
    x = _block_8("mixed_9", _average_pool, _block_17_to_8(x))
    return _block_8("mixed_10", functools.partial(_max_pool, stride=1, padding="SAME"), x)


_PARTS = {64: _stem_64, 192: _stem_192, 768: _up_to_768, 2048: _up_to_2048}
