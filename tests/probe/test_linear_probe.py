"""The linear probe against scikit-learn's logistic regression."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import top_k_accuracy_score

from bigbigan_jax.probe.features import Features
from bigbigan_jax.probe.linear import LinearProtocol, normalized_crelu, plain, train_linear


@pytest.fixture(scope="module")
def digits():
    """Real features with real labels: training, and held out."""
    values, labels = load_digits(return_X_y=True)
    values = (values / 16).astype(np.float32)
    return Features(values[:1000], labels[:1000], 10), Features(values[1000:], labels[1000:], 10)


def test_it_reaches_logistic_regression(digits):
    train, test = digits
    l2 = 1e-3
    protocol = LinearProtocol(steps=1500, rates=(1e-2,), batch_size=1000, ema_decay=0.99, l2=l2)
    probe = train_linear(train, train, protocol)
    # Scikit-learn sums over images what is the mean here.
    expected = LogisticRegression(C=1 / (l2 * len(train)), max_iter=2000)
    expected.fit(train.values, train.labels)
    found = probe.accuracy(test)
    assert found.top1 == pytest.approx(expected.score(test.values, test.labels), abs=0.005)
    top5 = top_k_accuracy_score(test.labels, expected.decision_function(test.values), k=5)
    assert found.top5 == pytest.approx(top5, abs=0.005)
    # Not the accuracy alone: the classifier itself, up to what shifts all classes alike.
    kernel = np.asarray(probe.kernel - probe.kernel.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(kernel, expected.coef_.T, atol=0.1)


def test_the_best_rate_and_step_are_taken(digits):
    train, test = digits
    protocol = LinearProtocol(
        steps=60, rates=(1e-6, 1e-2), batch_size=200, ema_decay=0.9, judge_every=20
    )
    probe = train_linear(train, test, protocol)
    assert (probe.rate, probe.step) == (1e-2, 60)
    assert probe.accuracy(test) == pytest.approx(probe.judged)


def test_rates_do_not_meet(digits):
    train, test = digits
    protocol = dict(steps=10, batch_size=100, ema_decay=0.9)
    alone = train_linear(train, test, LinearProtocol(rates=(1e-2,), **protocol))
    together = train_linear(train, test, LinearProtocol(rates=(1e-9, 1e-2), **protocol))
    np.testing.assert_allclose(alone.kernel, together.kernel, rtol=1e-4, atol=1e-6)


def test_crelu_is_normalised_by_the_training_set(digits):
    train, test = digits
    transform = normalized_crelu(train)
    h = (test.values - train.values.mean(axis=0)) / np.sqrt(train.values.var(axis=0) + 1e-4)
    expected = np.concatenate([np.maximum(h, 0), np.maximum(-h, 0)], axis=1)
    np.testing.assert_allclose(transform(test.values), expected, atol=1e-3)
    protocol = LinearProtocol(steps=30, rates=(1e-2,), batch_size=200, ema_decay=0.9)
    probe = train_linear(train, test, protocol, transform)
    assert probe.kernel.shape == (128, 10) and probe.judged.top1 > 0.8


def test_no_label_is_guessed_before_training(digits):
    train, _ = digits
    protocol = LinearProtocol(steps=1, rates=(0.0,), batch_size=10)
    probe = train_linear(train, train, protocol, plain)
    assert float(np.abs(probe.kernel).max()) == 0
