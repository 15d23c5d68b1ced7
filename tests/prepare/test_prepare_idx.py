"""idx files: found under their spellings, and refused when damaged."""

import gzip
import struct

import numpy as np
import pytest

from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.idx import find_idx, read_idx

_NAME = "train-images-idx3-ubyte"


def _idx(array: np.ndarray) -> bytes:
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


@pytest.mark.parametrize(
    "spelling", [_NAME, f"{_NAME}.gz", "train-images.idx3-ubyte", "train-images.idx3-ubyte.gz"]
)
def test_spellings_and_compression(tmp_path, spelling):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    data = _idx(array)
    (tmp_path / spelling).write_bytes(gzip.compress(data) if "gz" in spelling else data)
    path = find_idx(str(tmp_path), _NAME)
    assert path.name == spelling
    np.testing.assert_array_equal(read_idx(path, 3), array)


def test_a_missing_file(tmp_path):
    with pytest.raises(PrepareError, match=f"{_NAME} is not there, nor {_NAME}.gz"):
        find_idx(str(tmp_path), _NAME)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1], "it states 2 x 3 x 4 bytes and holds 23"),
        (lambda data: data + b"-", "it states 2 x 3 x 4 bytes and holds 25"),
        (lambda data: b"<htm" + data[4:], "it starts with 0x3c68746d, not 0x00000803"),
        (lambda data: data[:9], "no idx file of 3 dimension"),
        (lambda data: b"", "no idx file of 3 dimension"),
        (lambda data: gzip.compress(data)[:-9], "cannot be read"),
        (lambda data: b"\x1f\x8b" + data, "cannot be read"),
    ],
)
def test_damaged_files(tmp_path, change, words):
    path = tmp_path / _NAME
    path.write_bytes(change(_idx(np.zeros((2, 3, 4), np.uint8))))
    with pytest.raises(PrepareError, match=words) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)
