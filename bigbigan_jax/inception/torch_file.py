"""Reads the tensors of a PyTorch file without PyTorch, and without running what is in it.

Both formats of `torch.save`: the zip archive, and the stream of pickles before version 1.6. Of the
pickles only what a dictionary of tensors needs is understood; anything else is refused.
"""

import collections
import dataclasses
import io
import math
import os
import pickle
import struct
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np
from etils import epath

from bigbigan_jax.inception.errors import WeightsError

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the older format
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
_CORRUPT = (
    EOFError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,  # a zip file with a password, or of another version
    zlib.error,
)


def read_torch_file(path: epath.Path) -> dict[str, np.ndarray]:
    """Reads a dictionary of tensors that `torch.save` wrote on a little-endian machine.

    Raises:
      WeightsError: the file is damaged, or holds something else.
      OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            tensors = _read_zip(file) if zipfile.is_zipfile(file) else _read_stream(file)
    except _Refused as error:
        raise WeightsError(f"{path}: {error}; only a dictionary of tensors can be read") from error
    except _CORRUPT as error:
        raise WeightsError(
            f"{path}: damaged or not a PyTorch file ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(tensors, dict) or not all(
        isinstance(t, np.ndarray) for t in tensors.values()
    ):
        raise WeightsError(f"{path}: holds no dictionary of tensors")
    return {str(name): tensor for name, tensor in tensors.items()}


class _Refused(Exception):
    """A pickle wants something that is not needed for tensors."""


@dataclasses.dataclass(frozen=True)
class _Storage:
    """A block of numbers that comes apart from the pickle."""

    key: str
    dtype: str


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """A view of a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """The tensor, out of the numbers of its storage."""
        last = self.offset + sum(
            (n - 1) * s for n, s in zip(self.shape, self.strides, strict=True) if n
        )
        if math.prod(self.shape) > len(numbers):  # a view that repeats its numbers
            raise ValueError("a tensor is larger than its storage")
        if min((self.offset, *self.shape, *self.strides)) < 0 or last >= max(1, len(numbers)):
            raise ValueError("a tensor reaches beyond its storage")
        strides = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(
            numbers[self.offset :], self.shape, strides, writeable=False
        ).copy()


class _Unpickler(pickle.Unpickler):
    """Understands dictionaries of tensors alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise _Refused(f"asks for {module}.{name}")

    def persistent_load(self, saved_id: Any) -> _Storage:
        kind, dtype, key, *_ = saved_id
        if kind != "storage" or dtype not in _DTYPES.values():
            raise _Refused(f"asks for a {kind} of {dtype}")
        return _Storage(str(key), dtype)


def _rebuild_tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise _Refused("a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _read_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = pickled.removesuffix("data.pkl")
        found = _Unpickler(io.BytesIO(archive.read(pickled))).load()
        return _resolved(
            found,
            lambda storage: np.frombuffer(
                archive.read(f"{folder}data/{storage.key}"), storage.dtype
            ),
        )


def _read_stream(file: BinaryIO) -> Any:
    file.seek(0)
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise ValueError("it does not begin as one")
    if not _Unpickler(file).load()["little_endian"]:
        raise _Refused("written on a big-endian machine")
    found = _Unpickler(file).load()
    tensors = found.values() if isinstance(found, dict) else ()
    dtypes = {t.storage.key: t.storage.dtype for t in tensors if isinstance(t, _Tensor)}
    storages, place = {}, file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(place)
    for key in map(str, _Unpickler(file).load()):
        (count,) = struct.unpack("<q", file.read(8))
        size = count * np.dtype(dtypes[key]).itemsize
        if not 0 <= size <= length - file.tell():
            raise EOFError("the file ends too early")
        data = file.read(size)
        storages[key] = np.frombuffer(data, dtypes[key])
    return _resolved(found, lambda storage: storages[storage.key])


def _resolved(found: Any, numbers_of: Any) -> Any:
    if not isinstance(found, dict):
        return found
    return {
        name: value.of(numbers_of(value.storage)) if isinstance(value, _Tensor) else value
        for name, value in found.items()
    }
