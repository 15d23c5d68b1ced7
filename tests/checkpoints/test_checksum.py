"""Checksums: what they see, and that the sharding is none of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from bigbigan_jax.checkpoints import checksum
from bigbigan_jax.checkpoints.checksum import checksums, seal, unseal

DTYPES = [jnp.float32, jnp.bfloat16, jnp.float16, jnp.int32, jnp.uint32, jnp.int8, jnp.bool_]


def make(dtype, shape=(8, 4, 16)):
    bits = np.random.default_rng(0).integers(-100, 100, size=shape)
    return jnp.asarray(bits % 2 == 0 if dtype == jnp.bool_ else bits, dtype)


def one(x) -> int:
    (value,) = np.asarray(checksums(x))
    return int(value)


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_under_any_sharding(dtype):
    x = make(dtype)
    for shape, spec in [((8,), P("a")), ((2, 4), P("b", "a")), ((2, 4), P(None, None, "b"))]:
        axes = ("a", "b")[: len(shape)]
        mesh = jax.make_mesh(shape, axes, axis_types=(AxisType.Auto,) * len(shape))
        assert one(jax.device_put(x, NamedSharding(mesh, spec))) == one(x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_agrees_with_numpy(dtype):
    x = np.asarray(make(dtype))
    words = x.reshape(-1).view(f"u{x.itemsize}").astype(np.uint64)
    h = (words + np.arange(x.size, dtype=np.uint64) * np.uint64(0x9E3779B9)) % np.uint64(2**32)
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)]:
        h = (h ^ (h >> np.uint64(shift))) * np.uint64(factor) % np.uint64(2**32)
    assert one(jnp.asarray(x)) == int(h.sum() % np.uint64(2**32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_sees_every_flipped_bit(dtype):
    x = np.asarray(make(dtype, (7,)))
    seen = {one(jnp.asarray(x))}
    bits = [0] if dtype == jnp.bool_ else range(8 * x.itemsize)
    for bit in bits:
        flipped = x.copy()
        flipped.view(f"u{x.itemsize}")[3] ^= 1 << bit
        seen.add(one(jnp.asarray(flipped)))
    assert len(seen) == 1 + len(bits)


@pytest.mark.parametrize("a, b", [(1.0, 2.0), (1.0, -1.0), (0.0, -0.0)])
@pytest.mark.parametrize("distance", [1, 2, 256, 4096])
def test_sees_two_elements_that_changed_places(a, b, distance):
    x = jnp.zeros(5000).at[10].set(a).at[10 + distance].set(b)
    y = jnp.zeros(5000).at[10].set(b).at[10 + distance].set(a)
    assert one(x) != one(y)


def test_order_of_leaves_scalars_and_empty():
    sums = np.asarray(checksums({"a": jnp.int32(1), "b": jnp.zeros((0,)), "c": jnp.float32(1)}))
    assert sums.shape == (3,) and sums.dtype == np.uint32
    assert sums[1] == 0 and sums[0] != sums[2]
    assert checksums({}).shape == (0,)


def test_gathers_nothing():
    mesh = jax.make_mesh((2, 4), ("a", "b"), axis_types=(AxisType.Auto,) * 2)
    leaves = [
        jax.device_put(make(dtype), NamedSharding(mesh, spec))
        for dtype, spec in [(jnp.float32, P(None, "b", "a")), (jnp.bfloat16, P("b"))]
    ]
    program = checksum._checksums.lower(leaves).compile()
    for operation in ("all-gather", "all-to-all", "collective-permute"):
        assert operation not in program.as_text()
    assert program.output_shardings.is_fully_replicated


def test_seal():
    sealed = seal({"a": (1, 2.5), 3: None})
    assert unseal(sealed) == {"a": [1, 2.5], "3": None}
    sealed["record"]["a"][0] = 2
    for wrong in (sealed, {}, [], {"record": {}}):
        with pytest.raises(ValueError):
            unseal(wrong)
    with pytest.raises(TypeError):
        seal({"a": jnp.zeros(1)})
