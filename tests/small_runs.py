"""Small runs by the real entry points, and what they leave behind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from bigbigan_jax.checkpoints import Checkpoints
from bigbigan_jax.mesh import data_mesh
from bigbigan_jax.training.programs import abstract_state
from bigbigan_jax.training.run import build_family

ROOT = Path(__file__).resolve().parents[1]
SMALL_GAN = f"--config={ROOT / 'tests' / 'small_gan.py'}"
RATES = ("images_per_second", "images_per_second_per_device", "waiting_for_data")


def start_main(*arguments: str, devices: int = 1) -> subprocess.Popen:
    """Starts main.py in a process group of its own, on so many simulated devices."""
    flags = f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0"
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def finish(process: subprocess.Popen, seconds: float = 300) -> tuple[int, str, str]:
    """Waits for the end of a process; returns its exit code, stdout and stderr."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, out, err


def run_main(*arguments: str, devices: int = 1) -> tuple[int, str, str]:
    """Runs main.py to its end; returns exit code, stdout and stderr."""
    return finish(start_main(*arguments, devices=devices))


def wait_until(condition: Callable[[], bool], process: subprocess.Popen, seconds: float = 300):
    """Waits for a condition while a process runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def logged(workdir: Path) -> list[dict]:
    """The lines of metrics.jsonl, without the rates."""
    path = workdir / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    metrics = [json.loads(line) for line in lines if line.endswith("}")]
    return [{k: v for k, v in line.items() if k not in RATES} for line in metrics]


def saved_steps(workdir: Path) -> list[int]:
    """The steps of the finished checkpoints."""
    return sorted(int(p.name) for p in (workdir / "checkpoints").glob("*") if p.name.isdigit())


def saved_state(workdir: Path, config: ConfigDict, step: int):
    """The state in a checkpoint."""
    mesh = data_mesh()
    target = abstract_state(build_family(config), mesh)
    with Checkpoints(workdir, keep_last=99, keep_every=None) as checkpoints:
        return checkpoints.restore(target, step)[0]


def assert_same_state(a, b):
    """Checks that two states are the same, bit for bit."""
    leaves = jax.tree_util.tree_leaves_with_path(a)
    for (path, x), y in zip(leaves, jax.tree.leaves(b), strict=True):
        name = jax.tree_util.keystr(path)
        assert x.dtype == y.dtype, name
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y), err_msg=name)


def assert_same_run(a: Path, b: Path, config: ConfigDict, step: int):
    """Checks that two runs saved the same state at a step and logged the same metrics up to it."""
    assert_same_state(saved_state(a, config, step), saved_state(b, config, step))
    assert logged(a) == logged(b)
    assert [line["step"] for line in logged(a)] == list(range(1, step + 1))
