"""What scores need, gathered from batches of any sizes."""

import numpy as np
import pytest
from pixel_features import PixelFeatures
from scipy.special import softmax

from bigbigan_jax.evaluate.collecting import collect
from bigbigan_jax.scores import InceptionSplit, ScoreError


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (2500, 2, 2, 3), np.uint8)


def batches(images, size):
    return (images[start : start + size] for start in range(0, len(images), size))


@pytest.mark.parametrize("size", [7, 256, 2500])
def test_it_is_as_if_all_were_in_memory(images, size):
    features = PixelFeatures()
    found = collect(batches(images, size), 2500, features, parts=3, keep=100)
    whole = features(images)
    assert found.count == 2500
    np.testing.assert_allclose(found.whole(64).covariance, np.cov(whole[64].T), atol=1e-9)
    assert found.kept.shape == (100, 64)
    assert all((whole[64] == row).all(axis=1).any() for row in found.kept)
    ends = [0, 833, 1666, 2500]
    for part, (start, end) in enumerate(zip(ends, ends[1:], strict=False)):
        of_part = found.moments[64][part]
        assert of_part.count == end - start
        np.testing.assert_allclose(
            of_part.mean, whole[64][start:end].mean(axis=0, dtype=np.float64)
        )
        probabilities = softmax(whole[1008][start:end].astype(np.float64), axis=1)
        expected = InceptionSplit.of(probabilities).value
        assert found.splits[part].value == pytest.approx(expected, rel=1e-9)


def test_kept_features_are_drawn_from_everywhere(images):
    order = np.sort(images.reshape(2500, -1)[:, 0])
    sorted_images = np.repeat(order, 12).reshape(2500, 2, 2, 3).astype(np.uint8)
    found = collect(batches(sorted_images, 256), 2500, PixelFeatures(), parts=1, keep=50)
    middle = np.median(PixelFeatures()(sorted_images)[64], axis=0)
    above = (found.kept > middle).mean()
    assert 0.3 < above < 0.7


def test_too_few_images_are_one_line(images):
    with pytest.raises(ScoreError, match="5 images in 3 parts; there must be 2 or more in each"):
        collect(batches(images[:5], 2), 5, PixelFeatures(), parts=3, keep=10)
    with pytest.raises(ScoreError, match="90 images came of 100"):
        collect(batches(images[:90], 8), 100, PixelFeatures(), parts=3, keep=10)
