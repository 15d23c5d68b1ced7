"""Reads idx files, the format in which MNIST is published."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from bigbigan_jax.prepare.errors import PrepareError

_UNSIGNED_BYTE = 0x08


def find_idx(folder: str, name: str) -> Path:
    """Finds an idx file: as it is or with .gz, with "-idx" or ".idx" in its name.

    Args:
      folder: where to look.
      name: its published name, such as "train-images-idx3-ubyte".

    Raises:
      PrepareError: if it is not there.
    """
    for spelling in (name, name.replace("-idx", ".idx")):
        for suffix in ("", ".gz"):
            path = Path(folder).expanduser() / f"{spelling}{suffix}"
            if path.is_file():
                return path
    raise PrepareError(f"--idx={folder}: {name} is not there, nor {name}.gz")


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Reads an idx file of unsigned bytes.

    Args:
      path: the file; gzip is told by its content.
      dimensions: how many it must have: 3 for images, 1 for labels.

    Returns:
      uint8, of the shape the file states.

    Raises:
      PrepareError: if it is another kind of file, or shorter or longer than it states.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise PrepareError(f"{path} cannot be read: {error}") from error
    magic, expected = data[:4], bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    header = 4 + 4 * dimensions
    if magic != expected or len(data) < header:
        raise PrepareError(
            f"{path} is no idx file of {dimensions} dimension(s): it starts with 0x{magic.hex()}, "
            f"not 0x{expected.hex()}"
        )
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    if len(data) - header != math.prod(shape):
        raise PrepareError(
            f"{path} is damaged: it states {' x '.join(map(str, shape))} bytes and holds "
            f"{len(data) - header:,}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
