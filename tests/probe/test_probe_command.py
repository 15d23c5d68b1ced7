"""The probes from a workdir to a table, by the command."""

import json

import cv2
import numpy as np
import pytest

from bigbigan_jax.probe.__main__ import main
from bigbigan_jax.probe.features import Features
from bigbigan_jax.probe.protocols import subset


@pytest.fixture
def run(capsys):
    """Runs the command; returns its exit code and what it wrote to stdout and stderr."""

    def run(*arguments):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


def test_a_trained_model_beside_its_baselines(run, trained_workdir, tmp_path):
    code, out, err = run(
        f"--workdir={trained_workdir}",
        *("--data=digits", "--validation=test", f"--cache={tmp_path}", "--steps=20"),
        *("--protocol", "table1", "knn", "few_labels"),
        *("--features", "trained", "random_init", "raw"),
        f"--json={tmp_path / 'found.json'}",
    )
    assert code == 0, err
    rows = json.loads((tmp_path / "found.json").read_text())["results"]
    assert len(out.splitlines()) == 1 + len(rows) == 1 + 3 * (1 + 3 * 5 + 2)
    by_pixels = {row["probe"]: row for row in rows if row["of"] == "raw"}
    assert by_pixels["1-NN, l2"]["top-1"] > 0.95  # on pixels, these digits are easy
    assert {row["of"] for row in rows} == {"trained", "random_init", "raw"}
    assert all(0 <= value <= 1 for row in rows for name, value in row.items() if "top-" in name)


def test_features_of_a_file(run, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=400)
    values = np.eye(3)[labels] + rng.normal(scale=0.1, size=(400, 3))
    arrays = dict(train=values[:300], train_labels=labels[:300], validation=values[300:])
    np.savez(tmp_path / "mine.npz", **arrays, validation_labels=labels[300:])
    code, out, err = run(
        "--features", str(tmp_path / "mine.npz"), "--protocol=table2", "--steps=40"
    )
    assert code == 0, err
    assert "100.00%" in out.splitlines()[1]
    np.savez(tmp_path / "short.npz", **arrays)
    code, _, err = run("--features", str(tmp_path / "short.npz"))
    assert (code, err.count("\n")) == (1, 1)
    assert "has no array 'validation_labels'" in err


def test_training_images_cropped_anew(run, trained_workdir, tmp_path):
    code, out, err = run(
        *(f"--workdir={trained_workdir}", "--data=digits", "--validation=test", "--steps=3"),
        *("--protocol", "table1", "table2", "--features", "trained", "raw"),
        *("--augmentation=table3", f"--cache={tmp_path}"),
    )
    assert code == 0, err
    assert len(out.splitlines()) == 1 + 2 * (1 + 2)
    assert not list(tmp_path.glob("*/digits/train_without_val"))  # not kept, but for the others
    assert len(list(tmp_path.glob("*/digits/train_val"))) == 2


def test_accuracy_over_checkpoints(run, trained_workdir, tmp_path):
    code, out, err = run(
        *(f"--workdir={trained_workdir}", "--data=digits", "--validation=test", "--steps=20"),
        *("--features", "trained", "raw", f"--cache={tmp_path}"),
        *(f"--plot={tmp_path / 'plots' / 'accuracy.png'}", f"--json={tmp_path / 'found.json'}"),
    )
    assert code == 0, err
    rows = json.loads((tmp_path / "found.json").read_text())["results"]
    assert [row.get("training step") for row in rows] == [1, 2, 3, None]
    assert cv2.imread(str(tmp_path / "plots" / "accuracy.png")).shape == (750, 1200, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--data=digits"], "--workdir is missing"),
        (["--workdir=x"], "--data is missing"),
        (["--workdir=x", "--data=digits", "--features=row"], "--features row: none of trained"),
        (["--workdir=x", "--data=digits", "--steps=0"], "--steps=0: it must be at least 1"),
        (["--workdir=/nowhere", "--data=digits"], "no checkpoints in there"),
        (
            ["--workdir=x", "--data=digits", "--protocol=knn", "--augmentation=resnet"],
            "--augmentation: knn is for features that are kept",
        ),
        (["--features=a.npz", "--augmentation=resnet"], "--augmentation: a.npz holds features"),
        (["--features=a.npz", "--plot=a.png"], "--plot takes all checkpoints of a workdir"),
        (["--workdir=x", "--data=digits", "--step=3", "--plot=a.png"], "give no --step"),
        (["--workdir=x", "--data=digits", "--workers=-1"], "--workers=-1: it must not be"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message):
    code, _, err = run(*arguments)
    assert code in (1, 2) and message in err and err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_a_share_of_the_labels_has_all_classes():
    labels = np.repeat([0, 1, 2], [50, 30, 3])
    some = subset(Features(np.arange(83.0)[:, None], labels, 3), 0.1)
    assert np.bincount(some.labels).tolist() == [5, 3, 1]
    np.testing.assert_array_equal(labels[some.values[:, 0].astype(int)], some.labels)
    np.testing.assert_array_equal(
        some.values, subset(Features(np.arange(83.0)[:, None], labels, 3), 0.1).values
    )
