"""The split that is held out of training sets."""

import hashlib
import pickle

import numpy as np
import pytest

from bigbigan_jax.data import ArraySource, DataError, Source, open_source
from bigbigan_jax.data.train_val import TrainValSource, held_out


def numbered(count):
    images = np.arange(count, dtype="<i8").view(np.uint8).reshape(count, 1, 8, 1)
    return ArraySource("numbered", "train", images, np.arange(count) % 3, 3)


def numbers(source):
    return [int.from_bytes(source[i]["image"].tobytes(), "little") for i in range(len(source))]


@pytest.mark.parametrize(("count", "expected"), [(1_281_167, 10_000), (60_000, 6_000), (19, 1)])
def test_how_many(count, expected):
    assert held_out(count).sum() == expected


def test_the_images_held_out_of_imagenet_never_change():
    indices = np.flatnonzero(held_out(1_281_167))
    assert indices[:5].tolist() == [254, 366, 410, 503, 566]
    assert hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest() == (
        "4d276fb64164f5bf185645f0c80b3ffe5507334e4c754a75b5f5e436e7e251a9"
    )


def test_they_lie_everywhere_in_the_set():
    parts = held_out(1_281_167)[: 1000 * 1281].reshape(1000, -1).sum(axis=1)
    # Of 10 expected in a thousandth, by a binomial of that mean.
    assert parts.min() > 0 and parts.max() < 30 and 2.5 < parts.std() < 3.8


def test_both_sides_are_the_whole():
    whole = numbered(200)
    sides = [TrainValSource(whole, split) for split in ("train_val", "train_without_val")]
    assert [len(side) for side in sides] == [20, 180]
    assert sorted(numbers(sides[0]) + numbers(sides[1])) == list(range(200))
    for side in sides:
        assert isinstance(side, Source) and side.num_classes == 3
        assert [side[i]["label"] for i in range(5)] == [n % 3 for n in numbers(side)[:5]]
    assert len({whole.fingerprint, *(side.fingerprint for side in sides)}) == 3
    assert TrainValSource(numbered(200), "train_val").fingerprint == sides[0].fingerprint


def test_pickles_leave_the_numbers_out():
    source = TrainValSource(numbered(40), "train_without_val")
    data = pickle.dumps(source)
    assert len(data) < len(pickle.dumps(numbered(40))) + 200
    assert numbers(pickle.loads(data)) == numbers(source)


def test_any_set_with_training_images_has_it():
    train, held = open_source("digits", "train"), open_source("digits", "train_val")
    assert (len(train), len(held)) == (1438, 143)
    assert (held.name, held.split) == ("digits", "train_val")


def test_too_small_a_set():
    with pytest.raises(DataError, match="numbered has 9 training images.*10 or more"):
        TrainValSource(numbered(9), "train_val")
