"""The command, as a user runs it."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest

import bigbigan_jax
from bigbigan_jax.checkpoints.reader import read_record
from bigbigan_jax.evaluate.__main__ import main
from bigbigan_jax.evaluate.command import parse

COUNTS = ("--samples=40", "--parts=2", "--keep=30")


@pytest.fixture(scope="module")
def workdir(trained_workdir, tmp_path_factory):
    """A copy of a trained workdir, for evaluations to write to."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(trained_workdir, folder)
    return folder


@pytest.fixture(scope="module")
def flags(workdir, inception_stem, tmp_path_factory):
    cache = tmp_path_factory.mktemp("references")
    return (f"--workdir={workdir}", "--data=digits", "--references", "test",
            f"--inception={inception_stem}", f"--cache={cache}", *COUNTS)  # fmt: skip


def test_a_number_comes_with_all_it_depends_on(flags, workdir, tmp_path, capsys):
    file = tmp_path / "scores.json"
    assert main([*flags, "--step=2", f"--json={file}", "--truncation", "0.5"]) == 0
    out = capsys.readouterr().out
    assert all(text in out for text in ("fid_64", "kid_64", "precision_64", "truncation 0.5"))
    assert all(text in out for text in ("2015-12-05", "samples: 40", "EMA", "standing statistics"))
    plain, truncated = json.loads(file.read_text())["results"]
    assert (plain["truncation"], truncated["truncation"]) == (None, 0.5)
    assert plain["scores"]["fid_64"]["value"] != truncated["scores"]["fid_64"]["value"]
    assert plain["protocol"]["reference"].startswith("digits test, ")
    assert plain["protocol"]["reference"].endswith(" images, short side to 8 px, centre")
    (saved,) = (workdir / "evaluations").glob("0000002_*.json")
    assert json.loads(saved.read_text())["results"] == [plain, truncated]
    metrics = bigbigan_jax.load(workdir, 2).about["metrics"]
    assert metrics["fid_64/test"] == plain["scores"]["fid_64"]["value"]
    assert "reconstruction/x" in metrics  # what training found is still there


def test_the_same_command_gives_the_same_numbers(flags, workdir, capsys):
    assert main([*flags, "--step=3"]) == 0
    first = capsys.readouterr()
    assert main([*flags, "--step=3"]) == 0
    assert capsys.readouterr().out == first.out
    (saved,) = (workdir / "evaluations").glob("0000003_*.json")
    assert len(json.loads(saved.read_text())["results"]) == 1


def test_a_try_of_few_samples_does_not_take_the_place_of_many(flags, workdir):
    before = bigbigan_jax.load(workdir, 3).about["metrics"]["fid_64/test"]
    assert main([*flags, "--step=3", "--samples=8"]) == 0
    assert bigbigan_jax.load(workdir, 3).about["metrics"]["fid_64/test"] == before


def test_watch_scores_what_is_missing_and_draws_all(flags, workdir, tmp_path, capsys):
    shutil.rmtree(workdir / "evaluations", ignore_errors=True)
    assert main([*flags, "--step=2"]) == 0
    capsys.readouterr()
    plot = tmp_path / "fid.png"
    assert main([*flags, "--watch", f"--plot={plot}"]) == 0
    captured = capsys.readouterr()
    assert "step 2 has been scored already" in captured.err
    scored = sorted(path.stem[:7] for path in (workdir / "evaluations").glob("*.json"))
    assert scored == ["0000001", "0000002", "0000003"]
    assert cv2.imread(str(plot)).std() > 0
    for step in (1, 2, 3):
        record = read_record(bigbigan_jax.checkpoints.absolute(workdir) / "checkpoints" / str(step))
        assert record["metrics"]["fid_64/test"] > 0


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of pictures of different sizes, of different distributions."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("folders")
    for name, contrast in (("a", 40), ("b", 100)):
        for number in range(12):
            shape = (20 + number, 24, 3)
            image = np.clip(rng.normal(128, contrast, shape), 0, 255).astype(np.uint8)
            (root / name / str(number % 2)).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / name / str(number % 2) / f"{number}.png"), image)
    return root


def of_folders(folders, weights, *more):
    return main(["images", f"--dir={folders / 'a'}", f"--inception={weights}", "--parts=2", *more])


def test_a_folder_against_itself_and_another(folders, inception_stem, tmp_path):
    found = {}
    for against in "ab":
        file = tmp_path / f"{against}.json"
        more = (f"--against={folders / against}", f"--json={file}", "--size=16")
        assert of_folders(folders, inception_stem, *more) == 0
        found[against] = json.loads(file.read_text())["results"][0]["scores"]
    assert found["a"]["fid_64"]["value"] < 1e-3
    assert found["b"]["fid_64"]["value"] > 100 * found["a"]["fid_64"]["value"]
    assert found["a"]["precision_64"]["value"] == found["a"]["coverage_64"]["value"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--inception=none.pth",), "none.pth: no weights of Inception there"),
        (("--references", "nothing"), "nothing"),
        (("--step=77",), "no checkpoint of step 77"),
    ],
)
def test_what_is_missing_is_one_line(flags, change, message, capsys):
    assert main([*flags, *change]) == 1
    err = capsys.readouterr().err.splitlines()
    assert message in err[-1] and err[-1].startswith("error: ")


def test_wrong_folders_are_one_line(folders, inception_stem, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    for name in ("x.png", "y.png"):
        (tmp_path / "text" / name).write_text("no image")
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "x.png")
    (tmp_path / "x.tar.gz").write_bytes(b"no tar")
    for name, message in (
        ("pipe", "x.png is not a regular file"),
        ("x.tar.gz", f"--against={tmp_path / 'x.tar.gz'}: not a whole uncompressed tar"),
        ("nowhere", "there is no such folder or tar"),
        ("empty", "no .jpg, .jpeg, .png, .webp file is there"),
        ("text", "x.png: 8 bytes starting with b'no image' are not a complete image"),
    ):
        assert of_folders(folders, inception_stem, f"--against={tmp_path / name}") == 1
        err = capsys.readouterr().err.splitlines()[-1]
        assert err.startswith("error: ") and message in err


def test_too_few_images_are_one_line(folders, inception_stem, capsys):
    assert of_folders(folders, inception_stem, f"--against={folders / 'b'}", "--parts=9") == 1
    assert (
        "a: 12 images; there must be 18 or more, 2 for each of --parts" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--samples=3",), "--samples=3: it must be at least twice --parts=2"),
        (("--truncation", "-1"), "--truncation -1: it must be positive"),
        (("--keep=1",), "--keep=1: it must be at least 2"),
        (("--watch", "--step=2"), "--watch takes all checkpoints"),
        (("--watch", "--json=x.json"), "--json is for one model"),
    ],
)
def test_wrong_flags_are_one_line(flags, more, message, capsys):
    with pytest.raises(SystemExit) as caught:
        parse([*flags, *more])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
