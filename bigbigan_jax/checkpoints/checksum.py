"""Checksums: of every array of a tree, the same under any sharding, and of a JSON record.

Neither Orbax nor TensorStore notices a flipped bit in the array data of a checkpoint, so
checkpoints store these sums beside the state and compare them after a restore.
"""

import json
import math
import zlib
from typing import Any

import jax
import jax.numpy as jnp


def checksums(tree: Any) -> jax.Array:
    """Returns one uint32 checksum per leaf, in the order of `jax.tree.leaves`.

    The checksum of an array is the sum, modulo 2**32, of its bit patterns, each scrambled
    together with its row-major index. It depends on the values, their order and the width of
    the dtype, and not on where the elements lie. Changing any one element always changes it,
    since the scrambling is a bijection; any other damage goes unseen once in 2**32 times.
    (The plain sum weighted by 2 * index + 1 would miss that x and -x changed places: their
    patterns differ by 2**31, which an even difference of weights multiplies to 0.)

    The call is asynchronous: reading the result is what waits.

    Args:
      tree: pytree of arrays of any shape; bool, integer or real dtypes of 1, 2, 4 or 8 bytes.

    Returns:
      uint32 [number of leaves].
    """
    return _checksums(jax.tree.leaves(tree))


def seal(record: dict[str, Any]) -> dict[str, Any]:
    """Returns {"record", "crc32"} for a record of JSON-able values.

    Raises:
      TypeError: the record holds something that JSON cannot.
    """
    record = json.loads(json.dumps(record))  # tuples and integer keys as they will come back
    return {"record": record, "crc32": _crc32(record)}


def unseal(sealed: Any) -> dict[str, Any]:
    """Returns the record of `seal`, after a round trip through JSON.

    Raises:
      ValueError: it is not what was sealed.
    """
    if not isinstance(sealed, dict) or set(sealed) != {"record", "crc32"}:
        raise ValueError("the record is not one of ours")
    if sealed["crc32"] != _crc32(sealed["record"]):
        raise ValueError("the record's checksum differs")
    return sealed["record"]


def _crc32(record: Any) -> int:
    return zlib.crc32(json.dumps(record, sort_keys=True).encode())


@jax.jit
def _checksums(leaves: list[jax.Array]) -> jax.Array:
    if not leaves:
        return jnp.zeros((0,), jnp.uint32)
    return jnp.stack([_checksum(leaf) for leaf in leaves])


@jax.jit  # within the other: arrays of one shape are traced once
def _checksum(x: jax.Array) -> jax.Array:
    words = _words(x).astype(jnp.uint32)
    scrambled = _scramble(words + _row_major_index(words.shape) * jnp.uint32(0x9E3779B9))
    return jnp.sum(scrambled, dtype=jnp.uint32)


def _words(x: jax.Array) -> jax.Array:
    """The bit patterns as unsigned words; an element of 8 bytes gives two, on a last axis."""
    if x.dtype == jnp.bool_:
        return x.astype(jnp.uint8)
    word = {1: jnp.uint8, 2: jnp.uint16}.get(x.dtype.itemsize, jnp.uint32)
    return jax.lax.bitcast_convert_type(x, word)


def _row_major_index(shape: tuple[int, ...]) -> jax.Array:
    # Built from one iota per axis: flattening x instead would gather it on every device as
    # soon as another axis than the first is sharded.
    index = jnp.zeros(shape, jnp.uint32)
    for axis in range(len(shape)):
        stride = jnp.uint32(math.prod(shape[axis + 1 :]) % 2**32)
        index += jax.lax.broadcasted_iota(jnp.uint32, shape, axis) * stride
    return index


def _scramble(h: jax.Array) -> jax.Array:
    """MurmurHash3's finaliser, a bijection of uint32."""
    h = (h ^ (h >> jnp.uint32(16))) * jnp.uint32(0x85EBCA6B)
    h = (h ^ (h >> jnp.uint32(13))) * jnp.uint32(0xC2B2AE35)
    return h ^ (h >> jnp.uint32(16))
