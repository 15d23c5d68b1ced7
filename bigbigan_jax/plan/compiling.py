"""Compiles the training step for a slice that is not there, and takes down the numbers."""

import dataclasses
import importlib.metadata
import importlib.util
import time
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh

from bigbigan_jax.mesh import AXIS
from bigbigan_jax.plan.cache import Cache
from bigbigan_jax.plan.errors import PlanError
from bigbigan_jax.plan.hlo import count
from bigbigan_jax.plan.memory import parse_shortage, program_bytes
from bigbigan_jax.plan.topologies import Slice
from bigbigan_jax.progress import ticking

Numbers = dict[str, Any]


def compiler_version() -> str:
    """The version of libtpu.

    Raises:
      PlanError: it is not installed.
    """
    if importlib.util.find_spec("libtpu") is not None:
        for package in ("libtpu", "libtpu-nightly"):
            try:
                return importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                continue
    raise PlanError(
        "libtpu, which has the TPU compiler, is not installed; no TPU is needed: "
        "pip install -e '.[tpu]'"
    )


def mesh_of(tpu: Slice) -> Mesh:
    """The mesh of `bigbigan_jax.mesh` over the devices of a slice, for compiling only.

    Raises:
      PlanError: libtpu knows no such slice.
    """
    try:
        described = topologies.get_topology_desc(tpu.name, platform="tpu", **tpu.chip.options)
    except (jax.errors.JaxRuntimeError, NotImplementedError, RuntimeError) as error:
        raise PlanError(
            f"--topology={tpu.name}: the TPU compiler refuses it: {_first_line(error)}"
        ) from error
    devices = np.array(described.devices).reshape(-1)
    return Mesh(devices, (AXIS,), axis_types=(AxisType.Auto,))


def compile_step(lowered: jax.stages.Lowered, tpu: Slice, cache: Cache) -> Numbers:
    """The numbers of a compiled step, from the cache where it has them.

    Returns:
      "fits"; where it does, "memory" (see `program_bytes`), "flops", "bytes_accessed",
      "optimal_seconds" (these three None where the compiler has none) and "counts" (see
      `ModuleCounts`), all for one device and step; where not, "shortage" (see `Shortage`).
      "compile_seconds" and "cached" in any case.

    Raises:
      PlanError: the compiler fails for another reason than memory.
    """
    versions = (jax.__version__, compiler_version())
    path = cache.path(lowered.as_text(), tpu.name, *versions)
    if (held := cache.read(path)) is not None:
        return {**held, "cached": True}
    began = time.perf_counter()
    try:
        with ticking(f"{tpu.name}: compiling"):
            numbers = _compile(lowered, tpu)
    except jax.errors.JaxRuntimeError as error:
        shortage = parse_shortage(str(error))
        if shortage is None:
            raise PlanError(f"{tpu.name}: the TPU compiler fails: {_first_line(error)}") from error
        numbers = {"fits": False, "shortage": dataclasses.asdict(shortage)}
    numbers["compile_seconds"] = time.perf_counter() - began
    try:
        cache.write(path, numbers)
    except OSError as error:  # what took minutes is not thrown away for that
        logging.warning("the result is not kept in the cache: %s", error)
    return {**numbers, "cached": False}


def compiled_cost(compiled: jax.stages.Compiled) -> dict[str, float]:
    """What a compiled program costs by name, such as "flops" on one device; {} if it is unknown."""
    cost = compiled.cost_analysis()  # a list of one dict in some versions, None on some backends
    return (cost[0] if isinstance(cost, list | tuple) else cost) or {}


def _compile(lowered: jax.stages.Lowered, tpu: Slice) -> Numbers:
    compiled = lowered.compile()
    cost = compiled_cost(compiled)
    return {
        "fits": True,
        "memory": program_bytes(compiled.memory_analysis()),
        "flops": cost.get("flops"),
        "bytes_accessed": cost.get("bytes accessed"),
        "optimal_seconds": cost.get("optimal_seconds"),
        "counts": dataclasses.asdict(count(compiled.as_text(), tpu.devices)),
    }


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ") if str(error) else ""
