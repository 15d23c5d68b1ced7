"""The metrics on disk, and what of them outlives a resumption."""

import json

import numpy as np
import pytest
from etils import epath

from bigbigan_jax.training.metrics_log import MetricsLog


@pytest.fixture
def workdir(tmp_path):
    return epath.Path(tmp_path)


def lines(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def write(workdir, start, steps, value=1.0):
    with MetricsLog(workdir, start) as log:
        for step in steps:
            log.scalars(step, {"loss": value})


def test_one_line_of_scalars_a_step(workdir):
    with MetricsLog(workdir, 0) as log:
        log.scalars(1, {"loss/D": 0.5, "skipped": 0})
        assert lines(workdir) == [{"step": 1, "loss/D": 0.5, "skipped": 0}]  # at once
        log.scalars(2, {"loss/D": 0.25})
    assert lines(workdir)[1:] == [{"step": 2, "loss/D": 0.25}]


def test_lines_past_the_step_one_resumes_at_are_dropped(workdir):
    write(workdir, 0, [1, 2, 3, 4])
    write(workdir, 2, [3], value=7.0)
    assert [(line["step"], line["loss"]) for line in lines(workdir)] == [(1, 1), (2, 1), (3, 7)]
    write(workdir, 0, [])
    assert lines(workdir) == []


@pytest.mark.parametrize("rest", ['{"step": 3, "lo', "3", "[]", '{"loss": 1}', "\0\0\0"])
def test_a_half_written_line_is_dropped(workdir, rest):
    write(workdir, 0, [1, 2])
    path = workdir / "metrics.jsonl"
    path.write_text(path.read_text() + rest)
    write(workdir, 5, [6])
    assert [line["step"] for line in lines(workdir)] == [1, 2, 6]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_becomes_null(workdir, value):
    write(workdir, 0, [1], value=value)
    assert lines(workdir) == [{"step": 1, "loss": None}]
    assert (workdir / "metrics.jsonl").read_text() == '{"step": 1, "loss": null}\n'


def test_tensorboard_lies_beside_it(workdir):
    with MetricsLog(workdir, 0) as log:
        log.scalars(1, {"loss": 0.5})
        log.image(1, "samples", np.zeros((4, 5, 3), np.uint8))
    (events,) = (workdir / "tensorboard").glob("events.out.tfevents.*")
    content = events.read_bytes()
    assert b"loss" in content and b"samples" in content and b"PNG" in content


def test_no_other_file_is_left(workdir):
    write(workdir, 0, [1])
    write(workdir, 1, [2])
    assert {path.name for path in workdir.iterdir()} == {"metrics.jsonl", "tensorboard"}
