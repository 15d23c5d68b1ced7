"""The command that measures a table, on digits."""

import json
import shutil
from pathlib import Path

import cv2
import pytest
from small_bigan import ROWS

from bigbigan_jax.table import rows as rows_module
from bigbigan_jax.table.__main__ import main
from bigbigan_jax.table.report import as_table

CONFIG = f"--config={Path(__file__).parents[1] / 'small_bigan.py'}"


def test_every_row_is_trained_and_measured(small_table):
    results = json.loads((small_table / "table.json").read_text())["results"]
    assert [(r["row"], r["seed"]) for r in results] == [
        *(("bigan", 0), ("d", 0), ("ae_l1", 0), ("bigbigan", 0))
    ]
    assert all(r["steps"] == 8 and 10 < r["1-NN"] <= 100 for r in results)
    assert "1-NN, E(x)" in results[0] and "label kept" in results[0]
    assert "1-NN, E(x)" not in results[1] and "label kept" not in results[1]
    assert cv2.imread(str(small_table / "table.png")).shape[1] == 1050
    assert (small_table / "ae_l1" / "seed_0" / "sheets" / "reconstructions_0000008.png").exists()


def test_what_is_done_is_not_done_again(small_table, monkeypatch, capsys, tmp_path):
    workdir = shutil.copytree(small_table, tmp_path / "table")
    monkeypatch.setattr(rows_module, "train", None)
    assert main([f"--workdir={workdir}", CONFIG, "--rows", "bigan"]) == 0
    header, bigan, _ = capsys.readouterr().out.splitlines()[-3:]
    assert header.split()[:3] == ["seeds", "steps", "paper"]
    assert bigan.split()[:4] == ["BiGAN", "1", "8", "97.39"]


def test_another_runs_folder_is_found_before_anything_is_trained(
    small_table, monkeypatch, capsys, tmp_path
):
    shutil.copytree(small_table / "ae_l1", tmp_path / "d")
    monkeypatch.setattr(rows_module, "train", None)
    assert main([f"--workdir={tmp_path}", CONFIG, "--rows", "bigan", "d"]) == 1
    assert "row d: --workdir=" in (err := capsys.readouterr().err) and "another run's" in err


def test_seeds_have_a_mean_and_a_spread():
    found = [{"steps": 8, "1-NN": 96.0}, {"steps": 8, "1-NN": 97.0}]
    assert "96.50 ± 0.50" in as_table(ROWS, {"lr": found})


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--workdir=x", "--config=nowhere.py"], "--config=nowhere.py: there is no such file"),
        (["--workdir=x", CONFIG, "--rows", "bogan"], "there is no row 'bogan'; rows are bigan"),
        (["--workdir=x", CONFIG, "--seeds", "1", "1"], "each must be given once"),
        (["--workdir=x", CONFIG, "--steps=0"], "--steps=0: it must be at least 1"),
        (["--workdir=x", CONFIG, "--steps=7"], "row bigan: config.steps is 7; it must be a mult"),
        (["--workdir=x", f"--config={__file__}"], "it has no ROWS with a get_config"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    err = capsys.readouterr().err
    assert code in (1, 2) and message in err and len(err.splitlines()) == 1
