"""Features of images as they are read."""

import contextlib
import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import bigbigan_jax
from bigbigan_jax.batches import local_mesh
from bigbigan_jax.data import AUGMENTATIONS, DataError, evaluation_batches, open_source
from bigbigan_jax.extract.extraction import Rows
from bigbigan_jax.probe import image_features
from bigbigan_jax.probe.encoders import RawPixels, image_features_of
from bigbigan_jax.probe.image_features import AugmentedFeatures
from bigbigan_jax.probe.linear import LinearProtocol, train_linear


@pytest.fixture(scope="module")
def model(trained_workdir):
    return bigbigan_jax.load(trained_workdir)


@pytest.fixture(scope="module")
def some():
    """A hundred digits: no multiple of the eight devices."""
    return Rows(open_source("digits", "train", None), range(100))


def pixels_and_labels(source):
    batches = evaluation_batches(source, image_size=8, channels=1, batch_size=len(source))
    with contextlib.closing(batches):
        batch = next(batches)
    return batch["image"], batch["label"]


def as_bytes(rows):
    return [row.tobytes() for row in np.rint((rows + 1) * 127.5).astype(np.uint8)]


def test_of_all_images_they_are_those_of_encode(model, some, monkeypatch):
    monkeypatch.setattr(image_features, "_AT_ONCE", 2)  # several parts of a batch
    found = image_features_of(model).of_all(some, batch_size=64)
    images, labels = pixels_and_labels(some)
    expected = model.encode(images)["avepool_feat"]
    ours, theirs = np.lexsort(found.values.T), np.lexsort(expected.T)  # in the same order
    np.testing.assert_array_equal(found.labels[ours], labels[theirs])
    np.testing.assert_allclose(found.values[ours], expected[theirs], rtol=1e-4, atol=1e-5)


def test_each_comes_with_its_label_and_all_come_in_an_epoch(model, some):
    """By pixels, of which there are no two alike."""
    features = image_features_of(RawPixels(model))
    train = AugmentedFeatures(features, some, AUGMENTATIONS["none"], workers=0)
    images, labels = pixels_and_labels(some)
    expected = RawPixels(model).encode(images)["avepool_feat"]
    label_of = dict(zip(as_bytes(expected), labels, strict=True))
    with contextlib.closing(train.batches(40, seed=0)) as batches:
        found = list(itertools.islice(batches, 5))
    rows = np.concatenate([values for values, _ in found])
    assert train.width == rows.shape[1] == 64
    assert [label_of[row] for row in as_bytes(rows)] == [
        label for _, labels in found for label in labels.tolist()
    ]
    assert set(as_bytes(rows[:100])) == set(label_of)
    mean, variance = train.moments()
    np.testing.assert_allclose(mean, expected.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(variance, expected.var(axis=0), atol=0.05)


def test_crops_differ_from_time_to_time(model, some):
    one = Rows(some, [0])
    train = AugmentedFeatures(
        image_features_of(RawPixels(model)), one, AUGMENTATIONS["resnet"], workers=0
    )
    with contextlib.closing(train.batches(8, seed=0)) as batches:
        values, _ = next(batches)
    assert len(np.unique(np.asarray(values), axis=0)) == 8


def test_a_linear_probe_learns_from_them(model, some):
    train = AugmentedFeatures(
        image_features_of(RawPixels(model)), some, AUGMENTATIONS["none"], workers=0
    )
    judge = train.features.of_all(some, 8)
    protocol = LinearProtocol(steps=60, rates=(1e-2,), batch_size=96, ema_decay=0.9)
    assert train_linear(train, judge, protocol).judged.top1 > 0.95


def test_a_batch_that_devices_cannot_share(model, some):
    train = AugmentedFeatures(image_features_of(model), some, AUGMENTATIONS["none"], workers=0)
    assert local_mesh().size == 8
    with pytest.raises(DataError, match="a batch of 12 cannot be split over 8 devices"):
        next(train.batches(12, seed=0))


def test_they_are_float32(model):
    features = image_features_of(model)
    found, _ = features(np.zeros((8, 8, 8, 1), np.uint8), np.zeros(8, np.int32))
    assert found.dtype == jnp.float32
