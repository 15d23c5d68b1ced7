"""Time, FLOPs and memory of one training step on the devices that are there.

    python -m benchmarks.train_step --config=configs/resnet50.py --config.batch_size=64

Any field of the configuration is a flag, as for main.py. A step is the whole of one:
`training.d_steps` updates of D, each on a batch of its own, and one of E and G. Images are made up
and on the devices already: what reading and decoding costs, benchmarks.loader measures.
"""

import functools
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from absl import app, flags
from jax.sharding import Mesh
from ml_collections import ConfigDict, config_flags

from bigbigan_jax.command_line import parse_flags
from bigbigan_jax.config import ConfigError, validate
from bigbigan_jax.mesh import data_mesh, replicated, shard_batches
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.plan.compiling import compiled_cost
from bigbigan_jax.training.bigbigan import BigBiGAN
from bigbigan_jax.training.family import Family
from bigbigan_jax.training.programs import (
    Programs,
    abstract_batch,
    compile_update,
    on_mesh,
    state_sharding,
)
from bigbigan_jax.training.run import build_family, check_batch_size

_CONFIG = config_flags.DEFINE_config_file("config", None, "File that defines get_config().")
_STEPS = flags.DEFINE_integer("steps", 20, "Steps that are timed.", 1)
_WARM_UP = flags.DEFINE_integer("warm_up", 3, "Steps before them.", 1)
_PARTS = flags.DEFINE_bool("parts", False, "Time one D update and one E,G update alone as well.")
_JSON = flags.DEFINE_string("json", None, "File for the same numbers as JSON.")

Numbers = dict[str, Any]


def main(argv: Sequence[str]) -> int:
    """Measures and prints."""
    del argv
    config, mesh = _CONFIG.value, data_mesh()
    try:
        validate(config)
        check_batch_size(config, mesh.size)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    family, counts = build_family(config), (_WARM_UP.value, _STEPS.value)
    numbers = measure(family, config, mesh, *counts, with_parts=_PARTS.value)
    for name, value in numbers.items():
        print(f"{name:<28} {_show(value):>24}")
    if _JSON.value:
        with open(_JSON.value, "w") as file:
            json.dump(numbers, file, indent=2)
            file.write("\n")
    return 0


def measure(
    family: Family,
    config: ConfigDict,
    mesh: Mesh,
    warm_up: int,
    steps: int,
    with_parts: bool = False,
) -> Numbers:
    """Numbers by name, with their unit; None is what the backend does not tell.

    FLOPs and bytes are the compiler's count for the program of one device.
    """
    programs, devices = Programs.of(family, mesh), mesh.devices.flat
    update, compile_seconds = compile_update(
        programs, mesh, abstract_batch(family, config.batch_size, mesh)
    )
    key = jax.jit(lambda: jax.random.key(0), out_shardings=replicated(mesh))()
    state = programs.init(key)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    batch = made_up_batch(family, config.batch_size, mesh)
    flop = compiled_cost(update).get("flops")
    memory = update.memory_analysis()

    parts = {}
    if with_parts and isinstance(family, BigBiGAN):
        parts = time_parts(family, mesh, state, batch, key, warm_up, steps)

    (_, metrics), seconds = seconds_a_call(
        lambda last: update(last[0], batch, key), (state, None), warm_up, steps
    )
    images = config.batch_size * family.batches_per_step
    return {
        "device": devices[0].device_kind,
        "devices": mesh.size,
        "jax": jax.__version__,
        "dtype": config.model.dtype,
        "parameters, M": parameters / 1e6,
        "batch size": config.batch_size,
        "images a step": images,
        "compile, s": compile_seconds,
        "step, ms": seconds * 1e3,
        **parts,
        "images/s": images / seconds,
        "TFLOP a step and device": flop and flop / 1e12,
        "TFLOP/s a device": flop and flop / seconds / 1e12,
        "arguments, GiB a device": _gib(memory, "argument_size_in_bytes"),
        "temporary, GiB a device": _gib(memory, "temp_size_in_bytes"),
        "peak, GiB a device": _peak(devices[0]),
        "skipped steps": int(metrics["skipped"]),
    }


def made_up_batch(family: Family, batch_size: int, mesh: Mesh) -> dict[str, jax.Array]:
    """Images of noise for one step, on the devices."""
    shape = (family.batches_per_step, batch_size // jax.process_count())
    shape += (family.image_size, family.image_size, family.image_channels)
    images = np.random.default_rng(jax.process_index()).integers(0, 256, shape, np.uint8)
    return shard_batches({"image": images}, mesh)


def time_parts(
    family: BigBiGAN,
    mesh: Mesh,
    state: Any,
    batch: dict[str, jax.Array],
    key: jax.Array,
    warm_up: int,
    steps: int,
) -> Numbers:
    """Milliseconds of the updates of either side, compiled as programs of their own."""
    images = jax.jit(lambda batch: scale_images(batch["image"][-1]))(batch)
    updates = {
        "D update alone, ms": family.step.update_discriminator,
        "E,G update alone, ms": family.step.update_encoder_generator,
    }
    numbers = {}
    for name, update in updates.items():
        results = state_sharding(state), replicated(mesh)
        call = jax.jit(on_mesh(update, mesh, family.shard_weights), out_shardings=results)
        _, seconds = seconds_a_call(
            lambda last, call=call: call(last[0], images, key), (state,), warm_up, steps
        )
        numbers[name] = seconds * 1e3
    return numbers


def seconds_a_call(
    call: Callable[[Any], Any], result: Any, warm_up: int, calls: int
) -> tuple[Any, float]:
    """Feeds a function its own result; returns the last one and the mean time of the calls."""
    for _ in range(warm_up):
        result = call(result)
    jax.block_until_ready(result)
    began = time.perf_counter()
    for _ in range(calls):
        result = call(result)
    jax.block_until_ready(result)
    return result, (time.perf_counter() - began) / calls


def _gib(memory: Any, field: str) -> float | None:
    size = getattr(memory, field, None)
    return None if size is None else size / 2**30


def _peak(device: jax.Device) -> float | None:
    statistics = device.memory_stats() or {}
    peak = statistics.get("peak_bytes_in_use")
    return None if peak is None else peak / 2**30


def _show(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "not known"
    return f"{value:,.4g}" if isinstance(value, float) and value < 1e4 else str(value)


if __name__ == "__main__":
    app.run(main, flags_parser=functools.partial(parse_flags, required=("config",)))
