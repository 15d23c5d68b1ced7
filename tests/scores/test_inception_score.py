"""The Inception Score of predictions whose score is known."""

import numpy as np
import pytest
from scipy.stats import entropy

from bigbigan_jax.scores import InceptionSplit, ScoreError, inception_score


def made_up(seed: int, count: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(7, 0.3), size=count)


def test_sure_and_even_predictions_score_the_number_of_classes():
    one_hot = np.tile(np.eye(7), (5, 1))
    assert InceptionSplit.of(one_hot).value == pytest.approx(7)


def test_predictions_that_are_all_the_same_score_1():
    assert InceptionSplit.of(np.tile(made_up(0, 1), (30, 1))).value == pytest.approx(1)


def test_parts_make_the_score_of_the_whole_by_its_definition():
    rows = made_up(0).astype(np.float32)
    merged = (
        InceptionSplit.of(rows[:3]) + InceptionSplit.of(rows[3:40]) + InceptionSplit.of(rows[40:])
    )
    rows = rows.astype(np.float64)
    divergences = (rows * (np.log(rows) - np.log(rows.mean(axis=0)))).sum(axis=1)
    assert merged.count == 50
    assert merged.value == pytest.approx(np.exp(divergences.mean()), rel=1e-6)
    assert merged.value == pytest.approx(InceptionSplit.of(rows).value, rel=1e-12)


def test_mean_and_deviation_over_splits():
    splits = [made_up(seed) for seed in range(4)]
    values = [np.exp(entropy(rows, rows.mean(axis=0), axis=1).mean()) for rows in splits]
    mean, deviation = inception_score([InceptionSplit.of(rows) for rows in splits])
    assert mean == pytest.approx(np.mean(values))
    assert deviation == pytest.approx(np.std(values))


def test_what_is_wrong():
    with pytest.raises(ScoreError, match="probabilities of an image sum to 2; they must sum to 1"):
        InceptionSplit.of(np.array([[0.5, 0.5], [1, 1]]))
    with pytest.raises(ScoreError, match=r"an image sum to 0\.998"):
        InceptionSplit.of(np.array([[0.5, 0.498]]))
    InceptionSplit.of(np.array([[0.5, 0.4995]]))
    with pytest.raises(ScoreError, match=r"a probability is -0\.5; all must be 0 or more"):
        InceptionSplit.of(np.array([[1.5, -0.5]]))
    with pytest.raises(ScoreError, match="probabilities hold NaN or infinity"):
        InceptionSplit.of(np.array([[np.nan, 1.0]]))
    with pytest.raises(ScoreError, match="splits of 2 and 3 classes"):
        InceptionSplit.of(np.eye(2)) + InceptionSplit.of(np.eye(3))
    with pytest.raises(ScoreError, match="an Inception Score of 0 splits"):
        inception_score([])
