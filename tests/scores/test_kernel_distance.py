"""The kernel distance against explicit loops, and that it is unbiased."""

import itertools

import numpy as np
import pytest

from bigbigan_jax.scores import ScoreError, kernel_distance, mmd2


def by_loops(a: np.ndarray, b: np.ndarray) -> float:
    def kernel(x, y):
        return (sum(x * y) / len(x) + 1) ** 3

    def mean(pairs):
        values = [kernel(x, y) for x, y in pairs]
        return sum(values) / len(values)

    within = mean(itertools.permutations(a, 2)) + mean(itertools.permutations(b, 2))
    return within - 2 * mean(itertools.product(a, b))


def test_an_answer_by_hand():
    # Within the sets 1 and 27, between them 1, 1, 8 and 27.
    assert mmd2([[0.0], [1.0]], [[1.0], [2.0]]) == pytest.approx(1 + 27 - 2 * 37 / 4)


def test_it_is_the_sum_by_loops():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(0.5, size=(4, 3))
    assert mmd2(a, b) == pytest.approx(by_loops(a, b))


def test_it_is_unbiased():
    rng = np.random.default_rng(0)
    values = [mmd2(*rng.normal(size=(2, 20, 8))) for _ in range(2000)]
    assert min(values) < 0
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))


def test_subsets_are_no_larger_than_a_set():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(12, 3)), rng.normal(size=(12, 3))
    mean, deviation = kernel_distance(a, b, subsets=5)
    assert mean == pytest.approx(mmd2(a, b))
    assert np.isnan(deviation)  # one subset only
    larger = np.concatenate([b, b + 1])
    assert kernel_distance(a, larger, subsets=5)[1] > 0


def test_subsets_are_about_the_whole():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(400, 4)), rng.normal(0.5, size=(300, 4))
    mean, deviation = kernel_distance(a, b, subsets=200, subset_size=50)
    assert abs(mean - mmd2(a, b)) < 4 * deviation / np.sqrt(200)
    assert (mean, deviation) == kernel_distance(a, b, subsets=200, subset_size=50)
    assert mean != kernel_distance(a, b, subsets=200, subset_size=50, seed=1)[0]


def test_what_is_wrong():
    a = np.random.default_rng(0).normal(size=(10, 3))
    for score in (mmd2, kernel_distance):
        with pytest.raises(ScoreError, match="features of widths 3 and 2"):
            score(a, a[:, :2])
        with pytest.raises(ScoreError, match="sets of 10 and 1 samples; there must be 2 or more"):
            score(a, a[:1])
        with pytest.raises(ScoreError, match="features hold NaN or infinity"):
            score(a, np.full_like(a, np.inf))
    with pytest.raises(ScoreError, match="0 subsets; there must be 1 or more"):
        kernel_distance(a, a, subsets=0)
    with pytest.raises(ScoreError, match="subsets of 1; there must be 2 samples or more"):
        kernel_distance(a, a, subset_size=1)
