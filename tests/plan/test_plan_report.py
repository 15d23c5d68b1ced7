"""Plans as text."""

import pytest

from bigbigan_jax.plan.costs import cost_of
from bigbigan_jax.plan.report import describe, summarize
from bigbigan_jax.plan.topologies import GIB, parse_slice

TPU = parse_slice("v3:8x8")


def numbers(optimal=0.3, accumulation=1):
    names = ("parameters", "optimizer", "ema", "statistics", "other_state", "images", "padding")
    parts = dict.fromkeys((*names, "results", "temporaries", "program"), GIB)
    common = {
        "topology": "v3:8x8",
        "chips": 64,
        "devices": 128,
        "accelerator_type": "v3-128",
        "batch_size": 2048,
        "batch_size_per_device": 16,
        "images_per_step": 4096,
        "steps": 500_000,
        "fits": True,
        "hbm": {
            "parts_bytes_per_device": parts,
            "total_bytes_per_device": 10 * GIB,
            "peak_bytes_per_device": 9 * GIB,
            "available_bytes_per_device": 15 * GIB,
            "total_bytes_per_chip": 20 * GIB,
            "available_bytes_per_chip": 30 * GIB,
        },
    }
    compiled = {
        "flops": 5.9e12,
        "bytes_accessed": 8e10,
        "optimal_seconds": optimal,
        "counts": {
            "collectives": {"all-reduce": {"count": 110, "bytes": 10**9}},
            "unknown": 0,
            "kernels": 0,
            "loops": 0,
            "instructions": 1000,
            "estimated_cycles": 430_000_000,
        },
    }
    return {**common, **cost_of(compiled, TPU, common, accumulation)}


MISFIT = {
    "topology": "v5e:2x2",
    "chips": 4,
    "devices": 4,
    "accelerator_type": None,
    "batch_size": 64,
    "batch_size_per_device": 16,
    "fits": False,
    "needed_bytes_per_device": 20 * GIB,
    "available_bytes_per_device": 15.75 * GIB,
    "advice": ["more chips", "fewer images"],
}


def test_a_plan():
    text = describe(numbers())
    assert text.startswith("v3:8x8 (v3-128): 64 chips, 128 devices, batch size 2048 (16 a device)")
    for words in ("10.00 of 15.00 (67%)", "20.00 of 30.00", "110; 953.67", "300 (by the compiler)"):
        assert words in text
    assert "457.4" in text and "days for 500,000 steps" in text and "note" not in text


def test_what_is_not_known_is_not_printed():
    text = describe(numbers(accumulation=2))
    assert "images/s" not in text and "MFU" not in text
    assert "110; 953.67" in text and "note: FLOPs, bytes and times are not known" in text


def test_a_plan_that_does_not_fit():
    title, verdict, *ways = describe(MISFIT).splitlines()
    assert title.startswith("v5e:2x2: 4 chips")
    assert verdict == "  does not fit: a device has 15.75 GiB, the step needs 20.00 GiB"
    assert ways == ["  what would help:", "    more chips", "    fewer images"]


@pytest.mark.parametrize("markdown", [False, True])
def test_summary(markdown):
    plans = [numbers(), numbers(optimal=-3.0), numbers(accumulation=2), MISFIT]
    lines = summarize(plans, markdown).splitlines()
    assert lines[-1].startswith("~")
    rows = lines[2:6] if markdown else lines[1:5]
    assert all(name in row for name, row in zip(["v3", "v3", "v3", "v5e"], rows, strict=True))
    assert "~" not in rows[0] and "~" in rows[1] and "?" in rows[2] and "does not fit" in rows[3]
    if markdown:
        assert len({line.count("|") for line in lines[:6]}) == 1
    else:
        assert len({len(line) for line in lines[:5]}) == 1
