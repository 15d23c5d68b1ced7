"""JPEGs for the benchmark of the input pipeline: from a folder or tar file, joined, or made up."""

import tarfile
from pathlib import Path

import cv2
import numpy as np

from bigbigan_jax.data import DataError

_SUFFIXES = (".jpeg", ".jpg")
# As many as a real set has: the cost of shuffling depends on it.
_RECORDS = 1_000_000
# (width, height): how often. Most of ImageNet's photographs are 500 pixels wide or high, with
# a few that are much larger. The mean is 486x407.
MOSAIC_SIZES = {
    (500, 375): 40,
    (375, 500): 12,
    (500, 333): 12,
    (333, 500): 4,
    (400, 300): 6,
    (300, 400): 2,
    (640, 480): 6,
    (500, 500): 3,
    (250, 200): 5,
    (200, 250): 3,
    (160, 120): 2,
    (1024, 768): 3,
    (1600, 1200): 2,
}


class FileSource:
    """JPEGs in files or inside of an uncompressed tar file, over and over.

    Each process reads a file once and keeps it, so that decoding is measured and not the disk.
    """

    name, split, num_classes, fingerprint = "files", "all", None, ""

    def __init__(self, places: list[tuple[str, int, int]]) -> None:
        """Takes (path, offset, size) of each JPEG."""
        self.places = places
        self._read: dict[int, bytes] = {}

    def __reduce__(self) -> tuple:
        """Pickles without what was read."""
        return FileSource, (self.places,)

    def __len__(self) -> int:
        """Returns the number of records; there are fewer files."""
        return _RECORDS

    def __getitem__(self, index: int) -> dict[str, bytes]:
        """Returns {"image": content of the file}."""
        index %= len(self.places)
        if index not in self._read:
            path, offset, size = self.places[index]
            with open(path, "rb") as file:
                file.seek(offset)
                self._read[index] = file.read(size)
        return {"image": self._read[index]}

    def contents(self) -> list[bytes]:
        """Returns the content of each file."""
        return [self[index]["image"] for index in range(len(self.places))]


def open_images(path: Path, count: int) -> FileSource:
    """Finds at most `count` JPEGs, evenly spread over a folder or a tar file.

    Raises:
      DataError: if there are none.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES)
        places = [(str(file), 0, file.stat().st_size) for file in files]
    elif path.is_file():
        with tarfile.open(path, "r:") as archive:
            members = [file for file in archive if file.name.lower().endswith(_SUFFIXES)]
        places = [(str(path), file.offset_data, file.size) for file in members]
    else:
        raise DataError(f"--images: {path} is neither a folder nor a tar file")
    if not places:
        raise DataError(f"--images: {path} holds no .jpg or .jpeg files")
    return FileSource(places[:: max(1, len(places) // count)][:count])


def make_images(folder: Path, count: int) -> None:
    """Writes JPEGs of the size of ImageNet's: 500x375 pixels, about 110 KB."""
    rng = np.random.default_rng(0)
    for number in range(count):
        # Noise at three scales: a spectrum that falls off, as that of photographs.
        layers = [
            cv2.resize(rng.uniform(0, 255, (375 // s, 500 // s, 3)), (500, 375)) for s in (2, 8, 64)
        ]
        pixels = (0.2 * layers[0] + 0.3 * layers[1] + 0.5 * layers[2]).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:04d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])


def make_mosaics(photographs: FileSource, folder: Path, count: int) -> None:
    """Writes JPEGs of `MOSAIC_SIZES`, each cut out of photographs laid side by side.

    Args:
      photographs: of one size.
      folder: where to.
      count: how many.
    """
    rng = np.random.default_rng(0)
    files = photographs.contents()
    sizes, weights = list(MOSAIC_SIZES), np.array(list(MOSAIC_SIZES.values()), float)

    def tile() -> np.ndarray:
        return cv2.imdecode(np.frombuffer(files[rng.integers(len(files))], np.uint8), 1)

    tall, wide = tile().shape[:2]
    for number in range(count):
        width, height = sizes[rng.choice(len(sizes), p=weights / weights.sum())]
        rows = [
            np.concatenate([tile() for _ in range(-(-width // wide))], axis=1)
            for _ in range(-(-height // tall))
        ]
        joined = np.concatenate(rows)
        top = rng.integers(joined.shape[0] - height + 1)
        left = rng.integers(joined.shape[1] - width + 1)
        cut = joined[top : top + height, left : left + width]
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(90, 96))]
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), cut, quality)
