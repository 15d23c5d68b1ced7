"""Batches depend on seed and step alone: not on hosts, processes or where a run began."""

import contextlib
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from bigbigan_jax.data import (
    AUGMENTATIONS,
    ArraySource,
    DataError,
    evaluation_batches,
    open_source,
    training_batches,
)

SETTINGS = dict(
    image_size=8,
    channels=1,
    augmentation=AUGMENTATIONS["resnet"],
    batch_size=32,
    batches_per_step=2,
    seed=5,
    start_step=0,
)


def _digits(count: int) -> ArraySource:
    digits = open_source("digits", "train")
    records = [digits[index] for index in range(count)]
    images, labels = (np.array([record[field] for record in records]) for field in records[0])
    return ArraySource("digits", "train", images, labels, 10)


def _numbered(count: int) -> ArraySource:
    """Returns images that are all different and whose label is their number."""
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), np.uint8)
    return ArraySource("numbered", "train", images, np.arange(count), count)


class _Encoded:
    """The numbered images as PNG bytes."""

    name, split, num_classes, fingerprint = "encoded", "train", 50, "-"

    def __init__(self, broken: int | None = None) -> None:
        self._broken = broken

    def __len__(self) -> int:
        return 50

    def __getitem__(self, index: int) -> dict:
        record = _numbered(50)[index]
        data = cv2.imencode(".png", record["image"])[1].tobytes()
        return record | {"image": b"torn" if index == self._broken else data}


def _steps(source, count: int, **changes) -> list[dict[str, np.ndarray]]:
    with contextlib.closing(training_batches(source, **SETTINGS | changes)) as batches:
        return list(itertools.islice(batches, count))


def _assert_equal(first, second) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for field in one:
            np.testing.assert_array_equal(one[field], other[field])


def test_shapes_types_and_seed():
    source = _digits(200)
    (step,) = _steps(source, 1)
    assert step["image"].shape == (2, 32, 8, 8, 1) and step["image"].dtype == np.uint8
    assert step["label"].shape == (2, 32) and step["label"].dtype == np.int32
    assert step["damaged"].shape == (2, 32) and not step["damaged"].any()
    _assert_equal([step], _steps(source, 1))
    (other,) = _steps(source, 1, seed=6)
    assert (other["label"] != step["label"]).any()


@pytest.mark.parametrize("hosts", [2, 4])
def test_global_batches_are_the_same_for_any_number_of_hosts(hosts):
    source = _digits(100)
    whole = _steps(source, 4)
    shares = [_steps(source, 4, host=host, hosts=hosts) for host in range(hosts)]
    for step, *parts in zip(whole, *shares, strict=True):
        for field in step:
            joined = np.concatenate([part[field] for part in parts], axis=1)
            np.testing.assert_array_equal(step[field], joined)


def test_processes_change_nothing_and_end_when_closed():
    source = _digits(100)
    _assert_equal(_steps(source, 4, workers=2), _steps(source, 4))
    host = dict(host=1, hosts=2, start_step=3)
    _assert_equal(_steps(source, 2, workers=2, **host), _steps(source, 2, **host))
    assert not multiprocessing.active_children()


def test_resuming_is_starting_at_a_step():
    source = _digits(100)
    straight = _steps(source, 7)
    _assert_equal(straight[4:], _steps(source, 3, start_step=4))
    # Far into a long run, too, and at once.
    _assert_equal(_steps(source, 2, start_step=499_999)[1:], _steps(source, 1, start_step=500_000))


def test_an_epoch_holds_every_image_once_and_each_is_shuffled_anew():
    steps = _steps(
        _numbered(60), 20, batch_size=6, batches_per_step=1, augmentation=AUGMENTATIONS["none"]
    )
    epochs = np.concatenate([step["label"].ravel() for step in steps]).reshape(2, 60)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(60))
        assert (epoch != np.arange(60)).any()
    assert (epochs[0] != epochs[1]).any()
    # The next seed has other epochs, not this one's second epoch as its first.
    (following,) = _steps(_numbered(60), 1, batch_size=60, batches_per_step=1, seed=6)
    assert (following["label"][0] != epochs[1]).any()


def test_an_image_is_cropped_anew_in_each_epoch():
    steps = _steps(_numbered(60), 20, batch_size=6, batches_per_step=1)
    seen = {}
    for step in steps:
        for image, label in zip(step["image"][0], step["label"][0], strict=True):
            seen.setdefault(int(label), []).append(image)
    changed = [not np.array_equal(*pair) for pair in seen.values()]
    assert sum(changed) > 50


def test_images_and_labels_stay_together_encoded_or_not():
    source = _numbered(50)
    for settings in ({}, {"batch_size": 7, "batches_per_step": 1}):
        plain = _steps(source, 2, augmentation=AUGMENTATIONS["none"], **settings)
        _assert_equal(plain, _steps(_Encoded(), 2, augmentation=AUGMENTATIONS["none"], **settings))
        for image, label in zip(plain[1]["image"][0], plain[1]["label"][0], strict=True):
            np.testing.assert_array_equal(image, source[label]["image"])


def test_a_set_without_labels_gives_images_only():
    source = ArraySource("plain", "train", np.zeros((10, 8, 8, 1), np.uint8))
    (step,) = _steps(source, 1, channels=3)
    assert step.keys() == {"image", "damaged"} and step["image"].shape == (2, 32, 8, 8, 3)
    (batch,) = evaluation_batches(source, image_size=8, channels=1, batch_size=10)
    assert batch.keys() == {"image"}


def test_a_torn_record_is_named_in_evaluation():
    batches = evaluation_batches(_Encoded(broken=13), image_size=8, channels=1, batch_size=20)
    with pytest.raises(DataError, match="encoded split 'train' record 13: 4 bytes"):
        list(batches)


@pytest.mark.parametrize("hosts", [1, 2, 4])
def test_evaluation_goes_through_the_set_once_in_order(hosts):
    source = _numbered(41)
    shares = [
        list(
            evaluation_batches(
                source, image_size=8, channels=1, batch_size=20, host=host, hosts=hosts
            )
        )
        for host in range(hosts)
    ]
    assert [len(share) for share in shares] == [3] * hosts
    for number, start in enumerate((0, 20, 40)):
        expected = np.arange(start, min(start + 20, 41))
        for host, share in enumerate(shares):
            labels, images = share[number]["label"], share[number]["image"]
            np.testing.assert_array_equal(labels, expected[host::hosts])
            assert images.shape == (len(labels), 8, 8, 1) and labels.dtype == np.int32
            for image, label in zip(images, labels, strict=True):
                np.testing.assert_array_equal(image, source[label]["image"])


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(batch_size=30, hosts=4), "multiple of the 4 hosts, got 30"),
        (dict(host=2, hosts=2), "got host 2 of 2"),
        (dict(hosts=0), "got host 0 of 0"),
        (dict(channels=2), "channels must be 1"),
        (dict(image_size=0), "image_size must be at least 1"),
        (dict(batches_per_step=0), "batches_per_step must be at least 1, got 0"),
        (dict(start_step=-1), "start_step must be at least 0"),
        (dict(seed=-1), "seed must be at least 0"),
        (dict(workers=-1), "workers must be at least 0"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(changes, message):
    with pytest.raises(DataError, match=message):
        training_batches(_numbered(10), **SETTINGS | changes)


def test_an_empty_set_is_refused():
    source = ArraySource("empty", "train", np.zeros((0, 8, 8, 1), np.uint8))
    with pytest.raises(DataError, match="empty split 'train' has no images"):
        training_batches(source, **SETTINGS)


_KILLED = """
import multiprocessing
from bigbigan_jax.data import AUGMENTATIONS, open_source, training_batches

if __name__ == "__main__":
    batches = training_batches(
        open_source("digits", "train"), image_size=8, channels=1, batch_size=32, seed=0,
        augmentation=AUGMENTATIONS["none"], batches_per_step=1, start_step=0, workers=1,
    )
    next(batches)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        workers = [int(pid) for pid in process.stdout.readline().split()]
        process.send_signal(signal.SIGKILL)
    assert workers
    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker process is left over"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
