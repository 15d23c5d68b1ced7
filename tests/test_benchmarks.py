"""The benchmarks answer, and measure what they say."""

import subprocess
import sys

import pytest
from small_runs import ROOT

from bigbigan_jax.training.mesh import data_mesh
from bigbigan_jax.training.run import build_family


@pytest.mark.parametrize("name", ["loader", "revnet_memory", "train_step"])
def test_help(name):
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f"python -m benchmarks.{name}" in done.stdout + done.stderr


def test_train_step_is_measured(tiny_config, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.train_step import measure

    mesh = data_mesh()
    numbers = measure(build_family(tiny_config), tiny_config, mesh, warm_up=1, steps=1)
    assert numbers["devices"] == 8 and numbers["images a step"] == 32
    assert numbers["step, ms"] > 0 and numbers["images/s"] > 0
    assert numbers["skipped steps"] == 0
