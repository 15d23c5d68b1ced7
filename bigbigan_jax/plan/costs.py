"""What a step costs, from what the compiler counts."""

import math
from collections.abc import Mapping
from typing import Any

from bigbigan_jax.plan.estimate import ROOFLINE, estimate
from bigbigan_jax.plan.hlo import Collective
from bigbigan_jax.plan.network import collective_seconds
from bigbigan_jax.plan.topologies import Slice

SECONDS_A_DAY = 86_400

Numbers = Mapping[str, Any]

_UNKNOWN = (
    "flops_per_device",
    "flops_per_chip",
    "bytes_accessed_per_device",
    "computation_seconds",
    "computation_source",
    "roofline_seconds",
    "cycles_seconds",
    "collective_seconds",
    "collective_share",
    "step_seconds",
    "mfu",
    "steps_per_second",
    "images_per_second",
    "days",
)


def cost_of(compiled: Numbers, tpu: Slice, numbers: Numbers, accumulation: int) -> dict[str, Any]:
    """FLOPs, bytes and times of a step on one device, and what follows from them.

    Args:
      compiled: of `bigbigan_jax.plan.compiling.compile_step`, of a step that fits.
      tpu: the slice.
      numbers: "images_per_step" and "steps".
      accumulation: micro-batches a step. The compiler counts a loop's body once, so with more than
        one all costs but the collectives' counts are None.
    """
    counts, notes = compiled["counts"], []
    collectives = {kind: Collective(**found) for kind, found in counts["collectives"].items()}
    cost: dict[str, Any] = {
        "collectives": {
            kind: {"count": found.count, "result_bytes_per_device": found.bytes}
            for kind, found in collectives.items()
        },
        "optimal_seconds": compiled["optimal_seconds"],
        "estimated_cycles": counts["estimated_cycles"],
        "unknown_instructions": counts["unknown"],
        "kernels": counts["kernels"],
        "loops": counts["loops"],
    }
    known = accumulation == 1 and None not in (compiled["flops"], compiled["bytes_accessed"])
    if not known:
        reason = (
            f"the compiler counts the loop over {accumulation} micro-batches once"
            if accumulation > 1
            else "the compiler's analysis has none"
        )
        notes.append(f"FLOPs, bytes and times are not known: {reason}")
        if accumulation > 1 and collectives:
            notes.append("collectives in that loop are counted once as well")
        return {**cost, **dict.fromkeys(_UNKNOWN), "notes": notes}
    if counts["kernels"]:
        notes.append(f"{counts['kernels']} kernels cost what their authors estimate, or nothing")
    if counts["loops"]:
        notes.append(f"the bodies of {counts['loops']} loops are counted once each")

    optimal = compiled["optimal_seconds"]
    found = estimate(
        tpu.chip,
        compiled["flops"],
        compiled["bytes_accessed"],
        math.nan if optimal is None else optimal,
        counts["unknown"],
        counts["instructions"],
        counts["estimated_cycles"],
    )
    if found.source == ROOFLINE:
        notes.append(
            "the compiler's own time is of no use here (instructions that it does not know count "
            "-1 s): the time is the roofline, as if all bytes came from HBM and nothing took longer"
        )
    exchange = collective_seconds(collectives, tpu)
    step = found.seconds + exchange
    peak = tpu.chip.peak_tflops * 1e12 / tpu.chip.devices
    return {
        **cost,
        "flops_per_device": compiled["flops"],
        "flops_per_chip": compiled["flops"] * tpu.chip.devices,
        "bytes_accessed_per_device": compiled["bytes_accessed"],
        "computation_seconds": found.seconds,
        "computation_source": found.source,
        "roofline_seconds": found.roofline_seconds,
        "cycles_seconds": found.cycles_seconds,
        "collective_seconds": exchange,
        "collective_share": exchange / step,
        "step_seconds": step,
        "mfu": compiled["flops"] / peak / step,
        "steps_per_second": 1 / step,
        "images_per_second": numbers["images_per_step"] / step,
        "days": numbers["steps"] * step / SECONDS_A_DAY,
        "notes": notes,
    }
