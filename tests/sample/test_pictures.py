"""Sheets of a tiny model, and the commands that write them."""

import cv2
import numpy as np
import pytest

import bigbigan_jax
from bigbigan_jax.data import open_source
from bigbigan_jax.models.images import to_bytes
from bigbigan_jax.reconstruct import pictures as real
from bigbigan_jax.reconstruct.__main__ import main as reconstruct
from bigbigan_jax.sample import pictures
from bigbigan_jax.sample.__main__ import main as sample
from bigbigan_jax.sheets import COLUMNS, GAP

SIDE = 48 + GAP  # of an image of 8 px in a sheet, enlarged


@pytest.fixture(scope="module")
def model(trained_workdir):
    return bigbigan_jax.load(trained_workdir)


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    """An image of a sheet at its own size: [8, 8]."""
    top, left = row * SIDE, column * SIDE
    return sheet[top : top + 48 : 6, left : left + 48 : 6, 0]


def test_interpolations_begin_and_end_with_samples(model):
    sheet = pictures.interpolations(model, 2, seed=5)
    samples = np.asarray(to_bytes(model.sample(4, seed=5)))[..., 0]
    assert sheet.shape == (2 * SIDE - GAP, COLUMNS * SIDE - GAP, 3)
    for row in range(2):
        for column, expected in ((0, samples[2 * row]), (COLUMNS - 1, samples[2 * row + 1])):
            off = np.abs(cell(sheet, row, column).astype(int) - expected)
            assert off.max() <= 1


def test_ways_through_the_latent_space():
    start, end = np.array([3.0, 0.0]), np.array([0.0, 3.0])
    steps = np.array([0, 0.5, 1])
    way = pictures._way(start, end, steps, straight=False)
    np.testing.assert_allclose(way[1], [3 / np.sqrt(2)] * 2, rtol=1e-6)
    np.testing.assert_allclose(pictures._way(start, end, steps, True)[1], [1.5, 1.5])
    np.testing.assert_allclose(pictures._way(start, 2 * start, steps, False)[1], [4.5, 0])


def test_filters_span_the_range(model):
    sheet = pictures.filters(model)
    assert sheet.min() == 0 and sheet.dtype == np.uint8


def test_an_image_of_the_database_finds_itself(model):
    images = real.first_images(model, open_source("digits", "train"), 70)
    assert images.shape == (70, 8, 8, 1)
    sheet = real.neighbours(model, images[3:5], images)
    for row, image in enumerate(images[3:5, ..., 0]):
        for column in (0, 1):
            np.testing.assert_array_equal(cell(sheet, row, column), image)


@pytest.mark.parametrize(
    "command, arguments, rows",
    [
        (sample, ["--count=12"], 2),
        (sample, ["--count=3", "--kind=interpolations"], 3),
        (sample, ["--kind=filters"], 1),
        (reconstruct, ["--data=digits", "--split=test", "--count=10"], 4),
        (reconstruct, ["--data=digits", "--split=test", "--count=2", "--kind=neighbours"], 2),
    ],
)
def test_commands(trained_workdir, tmp_path, capsys, command, arguments, rows):
    out = tmp_path / "sheet.png"
    line = [f"--workdir={trained_workdir}", f"--out={out}", *arguments]
    assert command(line) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert len(cv2.imread(str(out))) // SIDE + 1 == rows
    before = out.read_bytes()
    with pytest.raises(SystemExit):
        command(line)
    assert "exists already" in capsys.readouterr().err and out.read_bytes() == before


@pytest.mark.parametrize(
    "command, arguments, message",
    [
        (sample, ["--out=a.jpg"], "does not end in .png"),
        (sample, ["--out=a.png", "--count=0"], "--count=0: it must be at least 1"),
        (
            sample,
            ["--out=a.png", "--kind=filters", "--truncation=1"],
            "--truncation is for samples",
        ),
        (sample, ["--out=a.png", "--step=last"], "'last' is neither a number"),
        (reconstruct, ["--out=a.png", "--data=digits"], "--split"),
        (reconstruct, ["--out=a.png", "--data=digits", "--split=no"], "no"),
    ],
)
def test_mistakes_are_one_line(trained_workdir, capsys, command, arguments, message):
    try:
        code = command([f"--workdir={trained_workdir}", *arguments])
    except SystemExit as end:
        code = end.code
    err = capsys.readouterr().err
    assert code in (1, 2) and err.startswith("error: ") and message in err
    assert len(err.splitlines()) == 1
