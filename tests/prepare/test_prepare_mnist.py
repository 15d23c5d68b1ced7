"""MNIST's files become the set that TensorFlow Datasets calls so."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from bigbigan_jax.data import decode, open_source
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.mnist import prepare_mnist, read_split

_DATA = os.environ.get("BIGBIGAN_TEST_DATA")
_COUNTS = {"train": 30, "t10k": 20}


def _write(folder: Path, name: str, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    (folder / name).write_bytes(header + array.tobytes())


@pytest.fixture
def digits(tmp_path):
    """Returns a folder with four small idx files, and their arrays by prefix."""
    folder, arrays = tmp_path / "idx", {}
    folder.mkdir()
    for prefix, count in _COUNTS.items():
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), np.uint8)
        arrays[prefix] = images, np.arange(count, dtype=np.uint8) % 10
        _write(folder, f"{prefix}-images-idx3-ubyte", images)
        _write(folder, f"{prefix}-labels-idx1-ubyte", arrays[prefix][1])
    return folder, arrays


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_pixels_and_labels_survive(tmp_path, digits, name, capsys):
    folder, arrays = digits
    prepare_mnist(name, str(folder), str(tmp_path), partial=True)
    assert "train: 30 images\ntest: 20 images\nclasses: 10\n" in capsys.readouterr().out
    for split, prefix in (("train", "train"), ("test", "t10k")):
        source = open_source(name, split, str(tmp_path))
        assert source.num_classes == 10
        images, labels = arrays[prefix]
        expected = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
        found = {
            decode(r["image"], 1).tobytes(): r["label"]
            for r in map(source.__getitem__, range(len(source)))
        }
        assert found == expected
    prepare_mnist(name, str(folder), str(tmp_path), partial=True)
    assert "is there already: left alone" in capsys.readouterr().out


def test_the_published_numbers_are_wanted_unless_told(tmp_path, digits):
    with pytest.raises(PrepareError, match="has 30 images, and 60,000 were published.*--partial"):
        prepare_mnist("mnist", str(digits[0]), str(tmp_path))
    assert not (tmp_path / "mnist").exists()


def test_files_that_do_not_fit_together(digits):
    folder, (images, labels) = digits[0], digits[1]["train"]
    _write(folder, "train-labels-idx1-ubyte", labels[1:])
    with pytest.raises(PrepareError, match="has 30 images and .* 29 labels"):
        read_split(str(folder), "train")
    _write(folder, "train-labels-idx1-ubyte", labels + 1)
    with pytest.raises(PrepareError, match="labels must be 0 to 9, but there is 10"):
        read_split(str(folder), "train")
    _write(folder, "train-images-idx3-ubyte", images[:, 1:])
    with pytest.raises(PrepareError, match="must be 28 x 28 pixels, these are 27 x 28"):
        read_split(str(folder), "train")
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(PrepareError, match="train-labels-idx1-ubyte is not there"):
        read_split(str(folder), "train")


@pytest.mark.skipif(not _DATA, reason="BIGBIGAN_TEST_DATA is not set")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_files(name):
    images, labels = read_split(str(Path(_DATA) / name), "test", 10_000)
    assert images.shape == (10_000, 28, 28) and 30 < images.mean() < 90
    assert np.bincount(labels).min() > 800
