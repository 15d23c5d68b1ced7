"""L2-SVMs on few labels against scikit-learn's, called directly."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from bigbigan_jax.probe import svm
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.features import Features
from bigbigan_jax.probe.protocols import PROTOCOLS, Sets
from bigbigan_jax.probe.svm import draw, few_label_svms


def made_up(seed, count, classes=3):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(classes, 6))
    labels = rng.integers(classes, size=count)
    values = centres[labels] + rng.normal(size=(count, 6))
    return Features(values.astype(np.float32), labels, classes)


TRAIN, TRAIN_VAL, VALIDATION = made_up(1, 120), made_up(2, 50), made_up(3, 70)


def accuracy(rows, c, judge):
    fitted = LinearSVC(C=c, random_state=0).fit(TRAIN.values[rows], TRAIN.labels[rows])
    return fitted.score(judge.values, judge.labels)


@pytest.mark.parametrize("rows_at_a_time", [16, 4096])
def test_it_is_scikit_learn_s(monkeypatch, rows_at_a_time):
    monkeypatch.setattr(svm, "_ROWS", rows_at_a_time)
    cs = (1e-3, 1e-1, 10.0)
    found = few_label_svms(TRAIN, TRAIN_VAL, VALIDATION, labels=30, subsets=4, cs=cs, seed=7)
    rng = np.random.default_rng(7)
    first, *others = (draw(TRAIN, 30, rng) for _ in range(5))
    best = max(cs, key=lambda c: accuracy(first, c, TRAIN_VAL))
    expected = [accuracy(rows, best, VALIDATION) for rows in others]
    assert (found.c, found.labels) == (best, 30)
    assert found.top1 == pytest.approx(np.mean(expected))
    assert found.spread == pytest.approx(np.std(expected))


def test_draws_have_as_many_of_each_class_and_differ():
    rng = np.random.default_rng(0)
    one, other = (draw(TRAIN, 30, rng) for _ in range(2))
    for rows in (one, other):
        assert np.bincount(TRAIN.labels[rows]).tolist() == [10, 10, 10]
        assert len(set(rows.tolist())) == 30 and (np.diff(rows) > 0).all()
    assert one.tolist() != other.tolist()


def test_a_class_with_fewer_images_gives_all():
    few = Features(np.eye(5, dtype=np.float32), np.array([0, 0, 0, 0, 1]), 2)
    rows = draw(few, 6, np.random.default_rng(0))
    assert np.bincount(few.labels[rows]).tolist() == [3, 1]
    assert len(draw(few, 1, np.random.default_rng(0))) == 2


def test_two_classes():
    found = few_label_svms(*(made_up(i, 40, 2) for i in (1, 2, 3)), labels=10, subsets=2)
    assert 0.5 < found.top1 <= 1


def test_the_protocol_s_row_and_its_progress():
    told = []

    def progress(numbers, text, unit):
        told.append((len(numbers), text, unit))
        return numbers

    (row,) = PROTOCOLS["svm"](Sets(TRAIN, TRAIN_VAL, VALIDATION, "E(x)"), progress)
    assert told == [(len(svm.CS) + 100, "L2-SVM", "SVMs")]
    assert row["probe"] == "L2-SVM" and row["features"] == "E(x)"
    assert row["labels"] == "120 labels"  # all that there are
    assert row["top-1, spread"] < 0.01 < row["top-1"]


def test_features_that_do_not_fit_together():
    narrow = Features(TRAIN.values[:, :2], TRAIN.labels, 3)
    with pytest.raises(ProbeError, match="6 features and 3 classes, train-val has 2 and 3"):
        few_label_svms(TRAIN, narrow, VALIDATION)
