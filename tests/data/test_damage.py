"""Damaged images in training: replaced the same way everywhere, named and counted."""

import contextlib
import io
import itertools
import multiprocessing
import tracemalloc

import cv2
import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.data import AUGMENTATIONS, DataError, random_crop, training_batches

SETTINGS = dict(
    image_size=16,
    channels=3,
    augmentation=AUGMENTATIONS["resnet"],
    batch_size=24,
    batches_per_step=2,
    seed=3,
    start_step=0,
)


def _jpeg(number: int, **options) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (5, 6, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((60, 48), Image.BICUBIC).save(buffer, "JPEG", **options)
    return buffer.getvalue()


class _Files:
    """Files as records, each labelled with its number."""

    name, split, fingerprint = "files", "train", "-"

    def __init__(self, files: list[bytes]) -> None:
        self.files = files
        self.num_classes = len(files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict:
        return {"image": self.files[index], "label": index, "key": f"n{index:03d}.JPEG"}


@pytest.fixture(scope="module")
def damaged() -> _Files:
    """Returns 40 images of which records 7, 8 and 39 are damaged."""
    files = [_jpeg(number) for number in range(40)]
    files[7], files[8], files[39] = b"torn", files[8][:300], b""
    return _Files(files)


@pytest.fixture
def messages(monkeypatch) -> list[str]:
    """Returns the warnings logged."""
    from bigbigan_jax.data import pipeline

    logged: list[str] = []
    monkeypatch.setattr(pipeline.logging, "warning", lambda text, *of: logged.append(text % of))
    return logged


def _steps(source, count: int, **changes) -> list[dict[str, np.ndarray]]:
    with contextlib.closing(training_batches(source, **SETTINGS | changes)) as batches:
        return list(itertools.islice(batches, count))


def test_the_next_record_stands_in_with_its_label_and_the_same_crop(damaged, messages):
    steps = _steps(damaged, 3)
    # The same set with the stand-ins where the damaged ones were.
    files = list(damaged.files)
    files[7], files[8], files[39] = files[9], files[9], files[0]
    whole = _steps(_Files(files), 3)
    stands_in = {7: 9, 8: 9, 39: 0}
    for step, expected in zip(steps, whole, strict=True):
        np.testing.assert_array_equal(step["image"], expected["image"])
        labels = [stands_in.get(label, label) for label in expected["label"].flat]
        np.testing.assert_array_equal(step["label"].ravel(), labels)
        tries = [{7: 2, 8: 1, 39: 1}.get(label, 0) for label in expected["label"].flat]
        np.testing.assert_array_equal(step["damaged"].ravel(), tries)
    # 144 images are three epochs and more of 40: each damaged one is met often, logged once.
    assert len(messages) == 3
    for record in (7, 8, 39):
        text = f"files split 'train' record {record} (n{record:03d}.JPEG): "
        assert sum(text in message for message in messages) == 1


@pytest.mark.parametrize("changes", [
    dict(workers=1),
    dict(workers=2),
    dict(start_step=2, workers=1),
])  # fmt: skip
def test_workers_and_resuming_change_nothing(damaged, changes):
    straight = _steps(damaged, 4)[changes.get("start_step", 0) :]
    for one, other in zip(straight, _steps(damaged, len(straight), **changes), strict=True):
        for field in one:
            np.testing.assert_array_equal(one[field], other[field])
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_change_nothing(damaged, hosts):
    whole = _steps(damaged, 3)
    shares = [_steps(damaged, 3, host=host, hosts=hosts) for host in range(hosts)]
    for step, *parts in zip(whole, *shares, strict=True):
        for field in step:
            joined = np.concatenate([part[field] for part in parts], axis=1)
            np.testing.assert_array_equal(step[field], joined)


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_but_garbage_ends_at_once_with_examples(workers):
    with pytest.raises(DataError, match=r"8 images in a row.*record \d+ \(n\d+.JPEG\): 7 bytes"):
        _steps(_Files([b"garbage"] * 20), 1, workers=workers)
    assert not multiprocessing.active_children()


def _fuzzed(count: int) -> list[bytes]:
    """Files damaged in the ways of discs, downloads and malice."""
    rng = np.random.default_rng(0)
    kinds = ("cut", "garbage", "garbage after a header", "huge", "empty", "text", "png")
    files = []
    for number, kind in zip(range(count), itertools.cycle(kinds), strict=False):
        jpeg = _jpeg(number, progressive=bool(number % 2))
        noise = rng.bytes(int(rng.integers(1, 3000)))
        frame = jpeg.index(b"\xff\xc2" if number % 2 else b"\xff\xc0") + 5
        cut = int(rng.integers(1, len(jpeg) - 60))
        png = cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
        files.append({
            "cut": jpeg[:cut],
            "garbage": noise,
            "garbage after a header": jpeg[:2] + noise,
            "huge": jpeg[:frame] + b"\xff\xfe\xff\xfe" + jpeg[frame + 4 :],
            "empty": b"",
            "text": b"<!DOCTYPE html><title>404</title>",
            "png": png[:16] + b"\x00\x03\x00\x00" * 2 + png[24:],
        }[kind])  # fmt: skip
    return files


def test_two_hundred_fuzzed_files_are_survived_and_named(messages, capfd):
    good = [_jpeg(number) for number in range(600)]
    files = list(itertools.chain.from_iterable(zip(good, _fuzzed(200), good[200:], good[400:])))  # noqa: B905
    assert len(files) == 800
    steps = _steps(_Files(files), 17)  # 816 images, an epoch and a little
    counts = sum(int((step["damaged"] > 0).sum()) for step in steps)
    assert 200 <= counts <= 216
    for number in range(1, 800, 4):
        assert sum(f"record {number} (n{number:03d}.JPEG)" in text for text in messages) == 1
    assert len(messages) == 200
    assert not capfd.readouterr().err  # libjpeg and libpng keep quiet


def test_headers_that_claim_much_take_no_memory():
    tracemalloc.start()
    for data in _fuzzed(14):
        with pytest.raises(DataError):
            rng = np.random.default_rng(0)
            random_crop(data, 256, 3, AUGMENTATIONS["resnet"], rng)
    # NumPy's memory is traced too.
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
