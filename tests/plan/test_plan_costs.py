"""What follows from the compiler's counts."""

import pytest

from bigbigan_jax.plan.costs import cost_of
from bigbigan_jax.plan.topologies import parse_slice

V5E = parse_slice("v5e:16x16")
WORK = {"images_per_step": 4096, "steps": 86_400}


def compiled(**changes):
    counts = {
        "collectives": {"all-reduce": {"count": 0, "bytes": 10**10}},
        "unknown": 0,
        "kernels": 0,
        "loops": 0,
        "instructions": 100,
        "estimated_cycles": 10**9,
    }
    counts |= {name: value for name, value in changes.items() if name in counts}
    numbers = {"flops": 197e11, "bytes_accessed": 1e9, "optimal_seconds": 0.2, "counts": counts}
    return numbers | {name: value for name, value in changes.items() if name not in counts}


def test_times_and_rates():
    cost = cost_of(compiled(), V5E, WORK, accumulation=1)
    exchange = 2 * 10**10 * 255 / 256 / 200e9
    assert cost["collective_seconds"] == pytest.approx(exchange)
    assert cost["step_seconds"] == pytest.approx(0.2 + exchange)
    assert cost["collective_share"] == pytest.approx(exchange / (0.2 + exchange))
    assert cost["mfu"] == pytest.approx(0.1 / (0.2 + exchange))
    assert cost["images_per_second"] == pytest.approx(4096 / (0.2 + exchange))
    assert cost["days"] == pytest.approx(0.2 + exchange)
    assert cost["computation_source"] == "compiler" and cost["notes"] == []


def test_a_loop_over_micro_batches_has_no_known_cost():
    cost = cost_of(compiled(), V5E, WORK, accumulation=4)
    assert cost["step_seconds"] is None and cost["flops_per_device"] is None
    assert cost["collectives"]["all-reduce"]["count"] == 0
    assert "loop over 4 micro-batches" in cost["notes"][0]


def test_no_analysis_no_cost():
    cost = cost_of(compiled(flops=None), V5E, WORK, accumulation=1)
    assert cost["days"] is None and "has none" in cost["notes"][0]


def test_doubts_are_told():
    cost = cost_of(compiled(optimal_seconds=None, kernels=6, loops=2), V5E, WORK, accumulation=1)
    assert cost["computation_source"] == "roofline"
    kernels, loops, roofline = cost["notes"]
    assert "6 kernels" in kernels and "2 loops" in loops and "roofline" in roofline


def test_the_same_is_known_of_all():
    known = cost_of(compiled(), V5E, WORK, accumulation=1)
    assert known.keys() == cost_of(compiled(), V5E, WORK, accumulation=2).keys()
