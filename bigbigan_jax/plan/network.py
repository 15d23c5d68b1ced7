"""The time of collectives by a simple model of the network between the chips.

Of a chip's links along an axis, two are of use where the axis closes to a ring; of a line, whose
ends have one, and of a pair, one. A chip sends W bytes a second on all of them together. Over C
chips, S bytes a device take

    all-reduce          2 S (C - 1) / C / W      S: in, and out
    all-gather,
    reduce-scatter        S (C - 1) / C / W      S: the larger of in and out
    all-to-all            S h / W                h: the mean distance of two chips
    permute, broadcast    S / link

with a microsecond for each hop of the longest way, once or, in an all-reduce, twice (the latency
that https://jax-ml.github.io/scaling-book/sharding gives). Devices of one chip share its links, and
what they exchange inside the chip is free. Nothing is taken to overlap. This is a model, not a
measurement.
"""

from collections.abc import Mapping

from bigbigan_jax.plan.hlo import Collective
from bigbigan_jax.plan.topologies import Slice

HOP_SECONDS = 1e-6


def links(tpu: Slice) -> int:
    """How many links of a chip a collective over the slice can use at a time."""
    return sum(2 if _ring(tpu, n) else 1 for n in tpu.shape if n > 1)


def collective_seconds(collectives: Mapping[str, Collective], tpu: Slice) -> float:
    """The time of all collectives of a step, one after the other, over all chips of a slice."""
    if tpu.chips == 1:
        return 0.0
    link = tpu.chip.link_gb_per_second * 1e9
    bandwidth, others = link * links(tpu), (tpu.chips - 1) / tpu.chips
    distance = sum(n / 4 if _ring(tpu, n) else (n - 1 / n) / 3 for n in tpu.shape)
    hops = sum(n // 2 if _ring(tpu, n) else n - 1 for n in tpu.shape)
    factors = {
        "all-reduce": 2 * others / bandwidth,
        "all-gather": others / bandwidth,
        "reduce-scatter": tpu.devices * others / bandwidth,
        "all-to-all": tpu.chip.devices * distance / bandwidth,
        "ragged-all-to-all": tpu.chip.devices * distance / bandwidth,
        "collective-permute": tpu.chip.devices / link,
        "collective-broadcast": 1 / link,
    }
    seconds = 0.0
    for kind, found in collectives.items():
        ways = 2 if kind == "all-reduce" else 1
        seconds += found.bytes * factors[kind] + found.count * ways * hops * HOP_SECONDS
    return seconds


def _ring(tpu: Slice, length: int) -> bool:
    return length % tpu.chip.wrap == 0
