"""HBM of a step: what it is used for, and what the compiler says when there is not enough."""

import dataclasses
import math
import re
from typing import Any

import jax

from bigbigan_jax.plan.topologies import GIB

PyTree = Any

_UNITS = {"B": 1, "K": 2**10, "M": 2**20, "G": GIB, "T": 2**40}
_AMOUNT = r"([\d.]+)\s?([BKMGT])"
_SHORTAGES = (
    re.compile(rf"\({_AMOUNT}\) exceeds available HBM \({_AMOUNT}\)"),
    re.compile(rf"Used {_AMOUNT} of {_AMOUNT} hbm"),
)


@dataclasses.dataclass(frozen=True)
class Shortage:
    """A program that does not fit: bytes a device that it needs, and that there are.

    The compiler counts the arguments, such as the weights, and the temporaries.
    """

    needed_bytes: int
    available_bytes: int


def device_bytes(tree: PyTree) -> int:
    """Bytes that one device holds of a tree of arrays or of `jax.ShapeDtypeStruct`.

    A leaf without a sharding is taken to be whole on every device.
    """
    return sum(_leaf_bytes(leaf) for leaf in jax.tree.leaves(tree))


def state_bytes(state: Any, batch: PyTree) -> dict[str, int]:
    """Bytes a device of what a step is given, by what it is for; the padding of layouts left out.

    Args:
      state: abstract, as of `bigbigan_jax.training.programs.abstract_state`.
      batch: abstract, the images of a step.
    """
    parts = {
        "parameters": state.params,
        "optimizer": state.opt_state,
        "ema": state.ema,
        "statistics": (state.batch_stats, state.spectral),
    }
    sizes = {name: device_bytes(part) for name, part in parts.items()}
    # Whatever else a family keeps, such as the counters of steps.
    sizes["other_state"] = device_bytes(state) - sum(sizes.values())
    return {**sizes, "images": device_bytes(batch)}


def program_bytes(analysis: Any) -> dict[str, int]:
    """Bytes a device by the compiler's memory analysis.

    "total" is what a device must have: arguments, results that do not take their place,
    temporaries, and the program itself. The compiler's own check leaves the program out. "peak", 0
    where the analysis has none, is below the total: without the program and without gaps between
    temporaries.
    """
    sizes = {
        "arguments": analysis.argument_size_in_bytes,
        "results": analysis.output_size_in_bytes - analysis.alias_size_in_bytes,
        "temporaries": analysis.temp_size_in_bytes,
        "program": analysis.generated_code_size_in_bytes,
    }
    peak = getattr(analysis, "peak_memory_in_bytes", 0)
    return {**sizes, "total": sum(sizes.values()), "peak": peak}


def parse_shortage(message: str) -> Shortage | None:
    """What the compiler says is missing; None where the message is not about that."""
    for pattern in _SHORTAGES:
        if match := pattern.search(message):
            needed, available = (round(float(match[i]) * _UNITS[match[i + 1]]) for i in (1, 3))
            return Shortage(needed, available)
    return None


def _leaf_bytes(leaf: Any) -> int:
    sharding = getattr(leaf, "sharding", None)
    shape = sharding.shard_shape(leaf.shape) if sharding is not None else leaf.shape
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.eval_shape(jax.random.key_data, leaf)
        shape = (*shape, *leaf.shape[len(shape) :])
    return math.prod(shape) * leaf.dtype.itemsize
