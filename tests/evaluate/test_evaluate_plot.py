"""Pictures of scores."""

import math

import pytest
from etils import epath
from matplotlib.image import imread

from bigbigan_jax.checkpoints.evaluations import evaluation_file, write_evaluations
from bigbigan_jax.evaluate.plot import _lines, write_plot


def result(truncation, fid, inception_score, samples=100):
    return {
        "reference": "train",
        "truncation": truncation,
        "scores": {
            "fid_64": {"value": 1.0, "spread": 0.1},
            "fid_2048": {"value": fid, "spread": 0.5},
            "is": {"value": inception_score, "spread": 0.2},
        },
        "protocol": {"samples": samples, "truncation": truncation},
    }


@pytest.fixture
def workdir(tmp_path):
    workdir = epath.Path(tmp_path) / "run"
    for step, results in {
        100: [result(None, 90.0, 3.0), result(None, 50.0, 4.0, samples=9)],
        200: [result(None, 30.0, 5.0), result(1.0, 40.0, 6.0), result(0.5, 60.0, 7.0)],
    }.items():
        file = evaluation_file(workdir, step, weights=1)
        write_evaluations(file, {"step": step, "metrics": {}, "results": results})
    return workdir


def test_only_what_can_be_compared_is_drawn(workdir, tmp_path):
    protocols = [{"samples": 100, "truncation": limit} for limit in (None, 1.0, 0.5)]
    over_steps, by_truncation = _lines(workdir, protocols)
    assert over_steps == {"FID (2048), train": [(100, 90.0, 0.5), (200, 30.0, 0.5)]}
    assert by_truncation == {
        "FID (2048), train, step 200": [(0.5, 60.0, 7.0), (1.0, 40.0, 6.0), (math.inf, 30.0, 5.0)]
    }
    widths = []
    for wanted in (protocols, protocols[:1]):
        write_plot(tmp_path / "plot.png", workdir, wanted, 100)
        picture = imread(tmp_path / "plot.png")
        assert picture.std() > 0
        widths.append(picture.shape[1])
    assert widths[0] == 2 * widths[1]  # IS against FID beside it
