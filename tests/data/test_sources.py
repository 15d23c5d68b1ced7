"""The embedded digits, sources in memory and what identifies them."""

import pickle

import numpy as np
import pytest

from bigbigan_jax.data import ArraySource, DataError, Source, open_source


def test_digits_are_scikit_learns_scaled_exactly():
    from sklearn.datasets import load_digits

    digits = load_digits()
    test, train = open_source("digits", "test"), open_source("digits", "train")
    assert isinstance(test, Source)
    assert (len(train), len(test), train.num_classes) == (1438, 359, 10)
    for index in range(len(test)):
        record = test[index]
        original = digits.images[5 * index + 4]
        assert record["image"].shape == (8, 8, 1) and record["image"].dtype == np.uint8
        np.testing.assert_array_equal(np.rint(record["image"][..., 0] / 255 * 16), original)
        assert record["label"] == digits.target[5 * index + 4]
    values = {value for index in range(len(train)) for value in np.unique(train[index]["image"])}
    assert values == {round(value * 255 / 16) for value in range(17)}
    # Every class is in both, in about equal numbers.
    counts = np.bincount([test[index]["label"] for index in range(len(test))])
    assert len(counts) == 10 and counts.min() > 20


def test_digits_name_their_splits():
    with pytest.raises(DataError, match="digits has no split 'validation'.*'train' and 'test'"):
        open_source("digits", "validation")


def test_fingerprint_is_stable_and_sees_changes():
    images = np.arange(40 * 4 * 4, dtype=np.uint32).astype(np.uint8).reshape(40, 4, 4, 1)
    labels = np.arange(40) % 4
    first = ArraySource("set", "train", images, labels, 4).fingerprint
    assert first == ArraySource("set", "train", images.copy(), labels, 4).fingerprint
    assert len(first) == 32
    changed = images.copy()
    changed[-1, 0, 0, 0] ^= 1
    others = {
        ArraySource("set", "train", changed, labels, 4).fingerprint,
        ArraySource("set", "train", images, (labels + 1) % 4, 4).fingerprint,
        ArraySource("set", "train", images).fingerprint,
        ArraySource("set", "train", images[:-1], labels[:-1], 4).fingerprint,
        ArraySource("set", "test", images, labels, 4).fingerprint,
        ArraySource("other", "train", images, labels, 4).fingerprint,
        ArraySource("set", "train", images.reshape(40, 2, 8, 1), labels, 4).fingerprint,
    }
    assert len(others | {first}) == 8


def test_the_digits_fingerprint_never_changes():
    # Runs compare it with the one in their checkpoint; another value would refuse them.
    assert open_source("digits", "train").fingerprint == "491ff25508ae0f9f1ef4c158f412bd9d"


def test_array_source_refuses_what_does_not_fit():
    images = np.zeros((3, 4, 4, 1), np.uint8)
    with pytest.raises(DataError, match="float64"):
        ArraySource("set", "train", images / 1.0)
    with pytest.raises(DataError, match="both labels and num_classes"):
        ArraySource("set", "train", images, np.zeros(3, int))
    with pytest.raises(DataError, match=r"labels of shape \[3\], got \[2\]"):
        ArraySource("set", "train", images, np.zeros(2, int), 2)


def test_sources_pickle():
    source = open_source("digits", "test")
    copy = pickle.loads(pickle.dumps(source))
    assert copy.fingerprint == source.fingerprint
    np.testing.assert_array_equal(copy[5]["image"], source[5]["image"])
