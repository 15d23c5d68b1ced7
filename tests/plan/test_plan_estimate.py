"""When the compiler's time is believed."""

import math

import pytest

from bigbigan_jax.plan.estimate import COMPILER, RECOVERED, ROOFLINE, estimate
from bigbigan_jax.plan.topologies import CHIPS

V5E = CHIPS["v5e"]


def judge(optimal, unknown=0, instructions=1000, flops=197e12 * 0.1, bytes_accessed=1e9):
    return estimate(V5E, flops, bytes_accessed, optimal, unknown, instructions, 300_000_000)


def test_a_sound_sum_is_taken():
    found = judge(0.15)
    assert (found.seconds, found.source) == (0.15, COMPILER)
    assert found.roofline_seconds == pytest.approx(0.1)
    assert found.cycles_seconds == pytest.approx(0.2)


@pytest.mark.parametrize("optimal", [-0.5, 0.05, math.nan, math.inf])
def test_a_sum_that_cannot_be_gives_way_to_the_roofline(optimal):
    found = judge(optimal)
    assert (found.seconds, found.source) == (pytest.approx(0.1), ROOFLINE)


def test_few_unknowns_are_taken_out():
    found = judge(-3 + 0.15, unknown=3)
    assert (found.seconds, found.source) == (pytest.approx(0.15), RECOVERED)


@pytest.mark.parametrize(
    ("optimal", "unknown", "instructions"),
    [
        (-308 + 0.15, 308, 60_000),  # what is left is rounding
        (0.15, 3, 1000),  # some custom calls have a cost after all
        (-4 + 0.15, 3, 1000),  # something else is unknown too
        (math.nan, 3, 1000),
    ],
)
def test_unknowns_that_cannot_be_taken_out(optimal, unknown, instructions):
    assert judge(optimal, unknown, instructions).source == ROOFLINE


def test_bytes_bound_too():
    assert judge(math.nan, bytes_accessed=819e9).seconds == pytest.approx(1)


def test_devices_share_a_chip():
    found = estimate(CHIPS["v3"], 123e12, 0, math.nan, 0, 1, 0)
    assert found.seconds == pytest.approx(2) and found.cycles_seconds is None


def test_no_clock_no_cycles():
    assert estimate(CHIPS["v6e"], 1e12, 0, 1.0, 0, 1, 10**9).cycles_seconds is None
