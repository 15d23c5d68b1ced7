"""The command, in processes of its own: the TPU compiler reads its environment when it loads."""

import importlib.util
import json
import subprocess
import sys

import pytest
from small_runs import ROOT, SMALL_GAN

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed"
)


def plan(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bigbigan_jax.plan", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_help():
    done = plan("--help")
    text = done.stdout + done.stderr
    for words in ("python -m bigbigan_jax.plan --config", "--topology", "--batch_size_per_device"):
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--config is missing"),
        ([SMALL_GAN], "--topology is missing; such as --topology=v3:8x8"),
        ([SMALL_GAN, "--topology=v3:8x8,v4:4x4"], "--topology=v4:4x4: a slice of v4 has 3 axes"),
        ([SMALL_GAN, "--topology=v3:8x8", "--batch_size_per_device=0"], "batch_size_per_device"),
    ],
)
def test_mistakes_in_the_command_line(arguments, words):
    done = plan(*arguments)
    assert done.returncode == 2
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is not None, reason="libtpu is installed")
def test_without_libtpu():
    done = plan(SMALL_GAN, "--topology=v3:8x8")
    assert done.returncode == 1
    assert "pip install -e '.[tpu]'" in done.stderr and len(done.stderr.splitlines()) == 1


@needs_libtpu
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--topology=v5e:3x5", "--batch_size_per_device=1"], "the TPU compiler refuses it"),
        (
            ["--topology=v5e:2x2", "--config.batch_size=6"],
            "devices, 4, such as 4 or 8",
        ),
        (["--topology=v5e:2x2", "--json=/no/such/folder/file"], "/no/such/folder/file"),
    ],
)
def test_what_is_refused_before_compiling(arguments, words):
    done = plan(SMALL_GAN, *arguments)
    assert done.returncode == 1
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


@needs_libtpu
def test_a_plan_and_its_repetition(tmp_path):
    arguments = [SMALL_GAN, "--topology=v5e:2x2", "--batch_size_per_device=4"]
    arguments += [f"--cache={tmp_path / 'cache'}", f"--json={tmp_path / 'plan.json'}"]
    done = plan(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (first,) = json.loads((tmp_path / "plan.json").read_text())
    assert "v5e:2x2 (v5litepod-4): 4 chips, 4 devices, batch size 16" in done.stdout
    hbm = first["hbm"]
    assert sum(hbm["parts_bytes_per_device"].values()) == hbm["total_bytes_per_device"]
    assert hbm["parts_bytes_per_device"]["padding"] >= 0
    assert first["collectives"]["all-reduce"]["count"] > 0
    assert first["flops_per_device"] > 0 and first["step_seconds"] > first["roofline_seconds"] > 0
    assert 0 < first["mfu"] < 1

    done = plan(*arguments, "--markdown")
    (second,) = json.loads((tmp_path / "plan.json").read_text())
    assert second == {**first, "cached": True} and not first["cached"]
    assert done.stdout.startswith("| slice |")


@needs_libtpu
def test_a_step_that_does_not_fit(tmp_path):
    arguments = [SMALL_GAN, "--topology=v5e:2x2", "--config.batch_size=16"]
    arguments += [f"--cache={tmp_path}", "--config.model.generator.embedding_dim=2000000000"]
    done = plan(*arguments)
    assert done.returncode == 3, done.stderr
    assert "does not fit: a device has 15.75 GiB, the step needs" in done.stdout
    assert "a smaller batch does not suffice" in done.stdout
