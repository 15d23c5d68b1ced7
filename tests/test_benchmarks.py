"""The benchmarks answer, and measure what they say."""

import subprocess
import sys

import pytest
from small_runs import ROOT

from bigbigan_jax.data import decode
from bigbigan_jax.mesh import data_mesh
from bigbigan_jax.training.run import build_family


@pytest.mark.parametrize("name", ["bigan_mnist", "loader", "probes", "revnet_memory", "train_step"])
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


def test_bigan_is_measured_beside_products(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import bigan_mnist

    monkeypatch.setattr(bigan_mnist, "PRODUCT_FLOP", 1e6)
    numbers = bigan_mnist.measure("bigan", steps=2, programs=2, width=8, side=64)
    assert all(value > 0 for value in numbers.values())
    assert numbers["images/s"] == pytest.approx(128e3 / numbers["a step, ms"])


def test_mosaics_have_the_sizes_they_should(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.loader_images import MOSAIC_SIZES, make_images, make_mosaics, open_images

    for folder in ("made", "joined"):
        (tmp_path / folder).mkdir()
    make_images(tmp_path / "made", 2)
    make_mosaics(open_images(tmp_path / "made", 2), tmp_path / "joined", 6)
    source = open_images(tmp_path / "joined", 99)
    sizes = {decode(data, 3).shape[1::-1] for data in source.contents()}
    assert len(source.places) == 6 and len(sizes) > 1 and sizes <= set(MOSAIC_SIZES)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_input_pipeline_is_measured_in_cpu_time(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.loader import measure
    from benchmarks.loader_images import make_images, open_images
    from benchmarks.loader_rivals import bare, pipeline

    make_images(tmp_path, 2)
    source = open_images(tmp_path, 2)
    entrants = {"bare": bare(source.contents(), 8), "ours": pipeline(source, 32, 8, workers=0)}
    rates = measure(entrants, rounds=1, seconds=0.5)
    assert rates.keys() == entrants.keys() and min(rates.values()) > 0


def test_probes_are_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.probes import main

    sizes = ["--images=300", "--width=8", "--classes=4", "--steps=2", "--queries=16"]
    monkeypatch.setattr(sys, "argv", ["probes", *sizes, f"--folder={tmp_path}"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["linear,"] * 2 + ["100-NN,"] * 3
    assert not list(tmp_path.iterdir())  # the features are gone


def test_scores_are_measured(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import evaluation

    monkeypatch.setattr(evaluation, "random_inception", lambda: lambda images: None)
    sizes = ["--images=8", "--side=16", "--samples=120", "--keep=40", "--width=8", "--parts=3"]
    monkeypatch.setattr(sys, "argv", ["evaluation", *sizes])
    evaluation.main()
    assert len(capsys.readouterr().out.splitlines()) == 8
