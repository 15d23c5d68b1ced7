"""The Fréchet distance against closed forms, and its standard error against repetition."""

import numpy as np
import pytest
import scipy.linalg
from absl import logging

from bigbigan_jax.scores import (
    FrechetReference,
    Moments,
    ScoreError,
    frechet_distance,
    frechet_with_error,
    warn_if_few,
)


def exactly(mean: np.ndarray, covariance: np.ndarray, count: int = 1000) -> Moments:
    return Moments(count, mean, covariance * (count - 1))


def random_gaussian(seed: int, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(width, width))
    return rng.normal(size=width), root @ root.T + 0.1 * np.eye(width)


@pytest.mark.parametrize("count", [1000, 30])
def test_a_set_is_at_no_distance_from_itself(count):
    moments = Moments.of(np.random.default_rng(0).normal(size=(count, 64)))
    assert frechet_distance(moments, moments) == pytest.approx(0, abs=1e-3)


def test_the_closed_form_of_covariances_that_commute():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    a, b = rng.uniform(0.1, 4, size=(2, 12))
    means = rng.normal(size=(2, 12))
    found = frechet_distance(
        exactly(means[0], axes * a @ axes.T), exactly(means[1], axes * b @ axes.T)
    )
    expected = ((means[0] - means[1]) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_that_by_scipys_matrix_square_root(seed):
    (mean_a, a), (mean_b, b) = random_gaussian(seed), random_gaussian(seed + 10)
    root = scipy.linalg.sqrtm(a @ b).real
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(a + b - 2 * root)
    there = frechet_distance(exactly(mean_a, a), exactly(mean_b, b))
    back = frechet_distance(exactly(mean_b, b), exactly(mean_a, a))
    assert there == pytest.approx(expected, rel=1e-6)
    assert back == pytest.approx(expected, rel=1e-6)


def test_a_covariance_without_rank_is_no_trouble():
    mean, covariance = random_gaussian(0)
    flat = exactly(mean + 1, np.zeros((12, 12)))
    expected = 12 + np.trace(covariance)
    assert frechet_distance(exactly(mean, covariance), flat) == pytest.approx(expected)
    assert frechet_distance(flat, exactly(mean, covariance)) == pytest.approx(expected)


def test_the_standard_error_is_how_far_the_distance_strays():
    reference = FrechetReference(exactly(np.zeros(4), np.eye(4)))
    rng = np.random.default_rng(0)

    def draw() -> list[Moments]:
        return [Moments.of(rng.normal(0.5, 1.3, size=(25, 4))) for _ in range(20)]

    values, errors = zip(*(frechet_with_error(draw(), reference) for _ in range(60)), strict=True)
    assert 0.5 < np.mean(errors) / np.std(values) < 2


def test_the_value_is_that_of_all_parts_and_the_error_by_its_formula():
    features = np.random.default_rng(0).normal(size=(60, 5))
    reference = FrechetReference(exactly(np.ones(5), np.eye(5)))
    parts = [Moments.of(part) for part in np.split(features, 3)]
    value, error = frechet_with_error(parts, reference)
    assert value == pytest.approx(reference.distance(Moments.of(features)))
    left = [features[20:], np.delete(features, slice(20, 40), axis=0), features[:40]]
    values = np.array([reference.distance(Moments.of(rows)) for rows in left])
    assert error == pytest.approx(np.sqrt(2 / 3 * ((values - values.mean()) ** 2).sum()))


@pytest.mark.parametrize("count, warned", [(8, True), (9, False)])
def test_a_warning_of_few_samples(monkeypatch, count, warned):
    lines = []
    monkeypatch.setattr(logging, "warning", lambda line, *values: lines.append(line % values))
    warn_if_few(count, (4, 8, 7), "the samples")
    assert len(lines) == warned
    assert all("the samples: 8 samples; the covariance of 8-D features is sing" in x for x in lines)


def test_one_warning_names_all_widths(monkeypatch):
    lines = []
    monkeypatch.setattr(logging, "warning", lambda line, *values: lines.append(line % values))
    warn_if_few(100, (64, 192, 768), "the samples")
    (line,) = lines
    assert "100 samples; the covariance of 192-D, 768-D features" in line


def test_what_is_wrong():
    moments = exactly(*random_gaussian(0))
    narrow = exactly(*random_gaussian(0, width=3))
    single = Moments(1, np.zeros(12), np.zeros((12, 12)))
    with pytest.raises(ScoreError, match="features of widths 12 and 3"):
        frechet_distance(moments, narrow)
    for pair in ((moments, single), (single, moments)):
        with pytest.raises(ScoreError, match="the covariance of 1 feature"):
            frechet_distance(*pair)
    with pytest.raises(ScoreError, match="a standard error from 1 parts; there must be 2 or more"):
        frechet_with_error([moments], FrechetReference(moments))
