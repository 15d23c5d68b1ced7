"""Plans in a process of its own: where the TPU compiler crashes, it takes nothing else with it."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ml_collections import ConfigDict

from bigbigan_jax.plan.cache import Cache
from bigbigan_jax.plan.compiling import Numbers, compiler_version, mesh_of
from bigbigan_jax.plan.errors import PlanError
from bigbigan_jax.plan.planning import plan
from bigbigan_jax.plan.topologies import Slice


def plan_apart(config: ConfigDict, tpu: Slice, cache: Cache) -> Numbers:
    """The same as `bigbigan_jax.plan.planning.plan`.

    Raises:
      PlanError: the compiler fails for another reason than memory, or crashes.
    """
    try:
        return in_a_process(_plan, config.to_dict(), tpu, cache)
    except BrokenProcessPool as error:
        raise PlanError(
            f"{tpu.name}: the TPU compiler crashed, or was killed for want of memory; that of "
            f"another version of libtpu than {compiler_version()} may do better"
        ) from error


def in_a_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of a module returns or raises, called in a new process."""
    context = multiprocessing.get_context("spawn")  # a fork would share libtpu's threads
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def _plan(config: dict[str, Any], tpu: Slice, cache: Cache) -> Numbers:
    return plan(ConfigDict(config), tpu, mesh_of(tpu), cache)
