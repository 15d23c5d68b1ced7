"""Moments that are streamed against NumPy's of all features at once."""

import functools
import operator

import numpy as np
import pytest

from bigbigan_jax.scores import Moments, ScoreError

CUTS = (1, 3, 40, 41, 150)  # into uneven parts, two of them of one sample


def made_up(offset: float = 0.0, count: int = 200) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 6)) @ rng.normal(size=(6, 6)) + offset


@pytest.mark.parametrize("offset", [0, 1e4])
def test_uneven_parts_make_the_moments_of_the_whole(offset):
    features = made_up(offset)
    merged = functools.reduce(operator.add, map(Moments.of, np.split(features, CUTS)))
    assert merged.count == 200
    np.testing.assert_allclose(merged.mean, features.mean(axis=0), rtol=1e-10, atol=1e-10)
    expected = np.cov(features, rowvar=False)
    np.testing.assert_allclose(merged.covariance, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("offset", [0, 1e4])
def test_without_takes_back_what_was_added(offset):
    features = made_up(offset)
    kept, part = Moments.of(features[:130]), Moments.of(features[130:])
    left = (kept + part).without(part)
    assert left.count == 130
    np.testing.assert_allclose(left.mean, kept.mean, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(left.scatter, kept.scatter, rtol=1e-8, atol=1e-8)


def test_float32_features_are_summed_in_float64():
    features = made_up(1e4).astype(np.float32)
    moments = Moments.of(features)
    assert moments.mean.dtype == moments.scatter.dtype == np.float64
    expected = np.cov(features.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(moments.covariance, expected, rtol=1e-10, atol=1e-10)


def test_what_is_wrong():
    moments = Moments.of(made_up())
    narrow = Moments.of(made_up()[:, :4])
    with pytest.raises(ScoreError, match="features of widths 6 and 4"):
        moments + narrow
    with pytest.raises(ScoreError, match="features of widths 6 and 4"):
        moments.without(narrow)
    with pytest.raises(ScoreError, match="200 features without 200; 1 or more must be left"):
        moments.without(moments)
    with pytest.raises(ScoreError, match="the covariance of 1 feature; there must be 2 or more"):
        Moments.of(made_up(count=1)).covariance  # noqa: B018
    with pytest.raises(ScoreError, match=r"features have shape \[6\]; it must be \[N, D\]"):
        Moments.of(made_up()[0])
    with pytest.raises(ScoreError, match=r"features have shape \[0, 6\]"):
        Moments.of(made_up()[:0])
    for bad in (np.nan, np.inf):
        features = made_up()
        features[3, 2] = bad
        with pytest.raises(ScoreError, match="features hold NaN or infinity; all must be finite"):
            Moments.of(features)
        with pytest.raises(ScoreError, match="moments hold NaN or infinity"):
            Moments(5, np.zeros(2), np.full((2, 2), bad))
    with pytest.raises(ScoreError, match=r"shapes \[3\] and \[2, 2\]; they must be \[D\] and"):
        Moments(5, np.zeros(3), np.eye(2))
    with pytest.raises(ScoreError, match="moments of 0 features; there must be 1 or more"):
        Moments(0, np.zeros(2), np.eye(2))
