"""Features and what can be wrong with them."""

import numpy as np
import pytest

from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.features import Features, check_same_kind

VALUES, LABELS = np.ones((4, 3), np.float32), np.array([0, 1, 2, 0])


def test_moments_in_parts_are_those_of_the_whole():
    values = np.random.default_rng(0).normal(1e3, 0.1, (9_000, 3)).astype(np.float32)
    mean, variance = Features(values, np.zeros(9_000, int), 1).moments()
    np.testing.assert_allclose(mean, values.astype(np.float64).mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(variance, values.astype(np.float64).var(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    "values, labels, classes, message",
    [
        (VALUES[0], LABELS, 3, r"shape \[3\], not \[N, F\]"),
        (VALUES[:0], LABELS[:0], 3, r"shape \[0, 3\]"),
        (VALUES, LABELS[:2], 3, r"labels have shape \[2\]; .* must be \[4\]"),
        (VALUES, LABELS / 1, 3, "labels are float64"),
        (VALUES, LABELS, 2, "labels are from 0 to 2; of 2 classes"),
        (VALUES, LABELS - 1, 3, "from -1 to 1; .*are labels missing"),
    ],
)
def test_what_does_not_fit_together(values, labels, classes, message):
    with pytest.raises(ProbeError, match=message):
        Features(values, labels, classes)


def test_values_that_are_not_finite():
    with pytest.raises(ProbeError, match="NaN or infinity"):
        Features(np.full((1, 2), np.nan), np.zeros(1, int), 1).rows(slice(0, 1))


def test_sets_of_two_models():
    a, b = Features(VALUES, LABELS, 3), Features(VALUES[:, :2], LABELS, 3)
    check_same_kind({"a": a, "again": a})
    with pytest.raises(ProbeError, match="a has 3 features and 3 classes, b has 2"):
        check_same_kind({"a": a, "b": b})
