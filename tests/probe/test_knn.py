"""The nearest-neighbour probe against scikit-learn's."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from bigbigan_jax.probe import knn
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.features import Features
from bigbigan_jax.probe.knn import knn_accuracy, nearest
from bigbigan_jax.probe.protocols import Sets, one_nn

KS = (1, 3, 10)
SKLEARN = {"l1": "manhattan", "l2": "euclidean", "cosine": "cosine"}


def made_up(seed: int, count: int) -> Features:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(5, 12))
    labels = rng.integers(5, size=count)
    values = centres[labels] + rng.normal(scale=1.5, size=(count, 12))
    return Features(values.astype(np.float32), labels, 5)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Several passes over several parts of the database, the last of each not full."""
    monkeypatch.setattr(knn, "_RESIDENT_BYTES", 4 * 12 * 32)
    monkeypatch.setattr(knn, "_QUERIES", 16)
    monkeypatch.setattr(knn, "_DATABASE", 64)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("metric", knn.METRICS)
def test_it_is_exactly_scikit_learns(metric, normalize):
    train, test = made_up(1, 150), made_up(2, 40)
    found = nearest(test, train, max(KS), metric, normalize)

    def scaled(features):
        lengths = np.linalg.norm(features.values, axis=1, keepdims=True)
        return features.values / lengths if normalize else features.values

    for k in KS:
        judge = KNeighborsClassifier(k, metric=SKLEARN[metric], algorithm="brute")
        judge.fit(scaled(train), train.labels)
        np.testing.assert_array_equal(
            judge.kneighbors(scaled(test), return_distance=False), found[:, :k]
        )
        expected = judge.score(scaled(test), test.labels)
        assert knn_accuracy(found, train, test, KS)[k] == pytest.approx(expected)


def test_of_equal_votes_the_lower_class_wins():
    train = Features(np.eye(4, dtype=np.float32), np.array([2, 1, 1, 2]), 3)
    test = Features(np.eye(4, dtype=np.float32)[:1], np.array([1]), 3)
    neighbours = np.array([[0, 1, 2, 3]])
    assert knn_accuracy(neighbours, train, test, (1, 2, 3, 4)) == {1: 0, 2: 1, 3: 1, 4: 1}


def test_what_is_wrong():
    train, test = made_up(1, 20), made_up(2, 4)
    with pytest.raises(ProbeError, match="k is 21; it must be from 1 to the 20"):
        nearest(test, train, 21)
    with pytest.raises(ProbeError, match="metric 'l3' is none of l1, l2, cosine"):
        nearest(test, train, 1, "l3")
    narrow = Features(train.values[:, :5], train.labels, 5)
    with pytest.raises(ProbeError, match="queries has 12 features and 5 classes, the database has"):
        nearest(test, narrow, 1)


def test_one_nn_is_scikit_learn_s_on_all_training_images():
    rng = np.random.default_rng(5)

    def features(count):
        values = rng.normal(size=(count, 6)).astype(np.float32) * rng.uniform(0.1, 5, (count, 1))
        return Features(values.astype(np.float32), rng.integers(0, 3, count), 3)

    sets = Sets(features(60), features(20), features(30))
    (row,) = one_nn(sets, lambda numbers, text, unit: numbers)
    neighbours = KNeighborsClassifier(1).fit(
        np.concatenate([sets.train.values, sets.train_val.values]),
        np.concatenate([sets.train.labels, sets.train_val.labels]),
    )
    expected = neighbours.score(sets.validation.values, sets.validation.labels)
    assert row == {"probe": "1-NN", "features": "AvePool", "top-1": expected}
