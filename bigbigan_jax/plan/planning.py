"""Puts together what there is to say of one configuration on one slice."""

import copy

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from bigbigan_jax.config import ConfigError, validate
from bigbigan_jax.plan.advice import advise
from bigbigan_jax.plan.cache import Cache
from bigbigan_jax.plan.compiling import Numbers, compile_step, compiler_version
from bigbigan_jax.plan.costs import cost_of
from bigbigan_jax.plan.memory import Shortage, state_bytes
from bigbigan_jax.plan.topologies import GIB, Slice
from bigbigan_jax.progress import ticking
from bigbigan_jax.training.programs import Programs, abstract_batch, lower_update
from bigbigan_jax.training.run import build_family, check_batch_size


def configure(config: ConfigDict, tpu: Slice, batch_size_per_device: int | None) -> ConfigDict:
    """The configuration for a slice: a copy, with the batch of so many images a device.

    Raises:
      ConfigError: a field is wrong, or the batch does not divide over the devices.
    """
    config = copy.deepcopy(config)
    if batch_size_per_device is not None:
        config.batch_size = batch_size_per_device * tpu.devices
    validate(config)
    try:
        check_batch_size(config, tpu.devices)
    except ConfigError as error:
        raise ConfigError(f"{tpu.name}: {error} (or set --batch_size_per_device)") from error
    return config


def plan(config: ConfigDict, tpu: Slice, mesh: Mesh, cache: Cache) -> Numbers:
    """What a step needs and costs.

    Args:
      config: of `configure`.
      tpu: the slice.
      mesh: over its devices, of `mesh_of`.
      cache: of compilations.

    Returns:
      Numbers with their units in their names; None is what is not known. Where the step does not
      fit ("fits" is False), nothing of its cost is known.

    Raises:
      PlanError: the compiler fails for another reason than memory.
    """
    with ticking(f"{tpu.name}: tracing"):
        family = build_family(config)
        programs = Programs.of(family, mesh)
        batch = abstract_batch(family, config.batch_size, mesh)
        lowered = lower_update(programs, mesh, batch)
    given = state_bytes(programs.state, batch)
    compiled = compile_step(lowered, tpu, cache)
    numbers = {
        "topology": tpu.name,
        "generation": tpu.chip.name,
        "chips": tpu.chips,
        "devices": tpu.devices,
        "accelerator_type": tpu.accelerator_type,
        "batch_size": config.batch_size,
        "batch_size_per_device": config.batch_size // tpu.devices,
        "images_per_step": config.batch_size * family.batches_per_step,
        "steps": config.steps,
        "jax": jax.__version__,
        "libtpu": compiler_version(),
        "compile_seconds": compiled["compile_seconds"],
        "cached": compiled["cached"],
        "fits": compiled["fits"],
    }
    if not compiled["fits"]:
        shortage = Shortage(**compiled["shortage"])
        return {
            **numbers,
            "state_bytes_per_device": given,
            "needed_bytes_per_device": shortage.needed_bytes,
            "available_bytes_per_device": shortage.available_bytes,
            "advice": advise(config, given, shortage, tpu.devices),
        }
    numbers["hbm"] = _memory(given, compiled["memory"], tpu)
    accumulation = config.training.gradient_accumulation
    return {**numbers, **cost_of(compiled, tpu, numbers, accumulation)}


def _memory(given: Numbers, program: Numbers, tpu: Slice) -> Numbers:
    """Bytes a device by purpose; they add up to the total."""
    available = round(tpu.chip.usable_gib * GIB / tpu.chip.devices)
    parts = {
        **given,
        "padding": program["arguments"] - sum(given.values()),
        "results": program["results"],
        "temporaries": program["temporaries"],
        "program": program["program"],
    }
    return {
        "parts_bytes_per_device": parts,
        "total_bytes_per_device": program["total"],
        "peak_bytes_per_device": program["peak"] or None,
        "available_bytes_per_device": available,
        "total_bytes_per_chip": program["total"] * tpu.chip.devices,
        "available_bytes_per_chip": available * tpu.chip.devices,
        "chip_gb": tpu.chip.hbm_gb,
    }
