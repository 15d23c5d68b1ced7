"""What HBM is used for."""

import types

import jax
import jax.numpy as jnp
import pytest

from bigbigan_jax.mesh import data_mesh, replicated, split_axis
from bigbigan_jax.plan.memory import (
    Shortage,
    device_bytes,
    parse_shortage,
    program_bytes,
    state_bytes,
)
from bigbigan_jax.training.state import TrainState


def leaf(shape, dtype=jnp.float32, sharding=None):
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def test_state_by_purpose_under_sharding():
    mesh = data_mesh()
    whole, split = replicated(mesh), split_axis(mesh)
    state = TrainState(
        step=leaf((), jnp.int32, whole),
        params={"generator": leaf((16, 4), sharding=whole)},
        opt_state={"generator": (leaf((16, 4), sharding=split), leaf((), jnp.int32, whole))},
        batch_stats={"generator": leaf((4,), sharding=whole)},
        spectral={"generator": leaf((3,))},
        ema={"generator": leaf((16, 4), sharding=split)},
        skipped=leaf((), jnp.int32, whole),
        skipped_in_a_row=leaf((), jnp.int32, whole),
    )
    batch = {"image": leaf((2, 16, 8, 8, 3), jnp.uint8, split_axis(mesh, 1))}
    assert state_bytes(state, batch) == {
        "parameters": 16 * 4 * 4,
        "optimizer": 16 * 4 * 4 // 8 + 4,
        "ema": 16 * 4 * 4 // 8,
        "statistics": 7 * 4,
        "other_state": 3 * 4,
        "images": 2 * 16 * 8 * 8 * 3 // 8,
    }


def test_a_key_is_counted_by_its_words():
    key = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 3))
    assert device_bytes({"key": key}) == 3 * 2 * 4


def test_total_of_a_program():
    analysis = types.SimpleNamespace(
        argument_size_in_bytes=100,
        output_size_in_bytes=90,
        alias_size_in_bytes=80,
        temp_size_in_bytes=40,
        generated_code_size_in_bytes=5,
    )
    assert program_bytes(analysis) == {
        "arguments": 100,
        "results": 10,
        "temporaries": 40,
        "program": 5,
        "total": 155,
        "peak": 0,
    }
    analysis.peak_memory_in_bytes = 130
    assert program_bytes(analysis)["peak"] == 130


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total "
            "memory required for HLO temporaries (20.80G) exceeds available HBM (15.75G). HLO",
            Shortage(round(20.8 * 2**30), round(15.75 * 2**30)),
        ),
        (
            "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory "
            "space hbm. Used 800.50M of 7.48G hbm. Exceeded hbm capacity by 1.2G.",
            Shortage(round(800.5 * 2**20), round(7.48 * 2**30)),
        ),
        ("RESOURCE_EXHAUSTED: Ran out of memory in memory space vmem.", None),
        ("INTERNAL: something else", None),
    ],
)
def test_what_is_missing(message, expected):
    assert parse_shortage(message) == expected
