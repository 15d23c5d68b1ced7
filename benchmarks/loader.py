"""Images a second of the training pipeline, next to the bare decoding rate of the same files.

    python -m benchmarks.loader --images=DIR_OR_TAR --image_size 128 256 --workers 0 2 4

The bare rate is one thread that does nothing but cv2.imdecode on bytes in memory. The ratio
is a pipeline's rate divided by it; the best possible one is the number of idle cores.
"""

import argparse
import contextlib
import os
import tarfile
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from bigbigan_jax.data import AUGMENTATIONS, DataError, training_batches

_SUFFIXES = (".jpeg", ".jpg")


class FileSource:
    """JPEGs in files or inside of an uncompressed tar file, read when they are asked for."""

    name, split, num_classes, fingerprint = "files", "all", None, ""

    def __init__(self, places: list[tuple[str, int, int]]) -> None:
        """Takes (path, offset, size) of each JPEG."""
        self._places = places

    def __len__(self) -> int:
        """Returns the number of files."""
        return len(self._places)

    def __getitem__(self, index: int) -> dict[str, bytes]:
        """Returns {"image": content of the file}."""
        path, offset, size = self._places[index]
        with open(path, "rb") as file:
            file.seek(offset)
            return {"image": file.read(size)}


def open_images(path: Path, count: int) -> FileSource:
    """Finds at most `count` JPEGs, evenly spread over a folder or a tar file."""
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


def bare_rate(source: FileSource, seconds: float) -> float:
    """Returns images a second that one thread decodes from memory."""
    files = [np.frombuffer(source[index]["image"], np.uint8) for index in range(len(source))]
    done, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        cv2.imdecode(files[done % len(files)], cv2.IMREAD_COLOR_RGB)
        done += 1
    return done / (time.perf_counter() - start)


def pipeline_rate(
    source: FileSource,
    image_size: int,
    augmentation: str,
    batch_size: int,
    workers: int,
    seconds: float,
) -> float:
    """Returns images a second of `training_batches`, once its buffers are filled and drained."""
    batches = training_batches(
        source,
        image_size=image_size,
        channels=3,
        augmentation=AUGMENTATIONS[augmentation],
        batch_size=batch_size,
        batches_per_step=1,
        seed=0,
        start_step=0,
        workers=workers,
    )
    with contextlib.closing(batches):
        # What is read ahead before the clock starts would count as infinitely fast.
        for _ in range(4):
            next(batches)
        done, start = 0, time.perf_counter()
        while time.perf_counter() < start + seconds:
            next(batches)
            done += batch_size
        return done / (time.perf_counter() - start)


def main() -> None:
    """Parses the command line, measures and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="folder or .tar with JPEGs; default: made up")
    parser.add_argument("--count", type=int, default=512, help="JPEGs to use")
    parser.add_argument("--image_size", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--augmentation", choices=list(AUGMENTATIONS), default="resnet")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="0 means threads")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each measurement")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.images is None:
            make_images(Path(folder), min(arguments.count, 64))
        try:
            source = open_images(arguments.images or Path(folder), arguments.count)
        except DataError as error:
            parser.error(str(error))
        bare = bare_rate(source, arguments.seconds)
        print(f"{len(source)} JPEGs, {arguments.augmentation}, {os.cpu_count()} cores")
        print(f"{'size':>5} {'workers':>8} {'images/s':>9} {'of bare':>8}")
        print(f"{'bare':>5} {'':>8} {bare:9.0f} {1:8.2f}")
        for size in arguments.image_size:
            for workers in arguments.workers:
                rate = pipeline_rate(
                    source,
                    size,
                    arguments.augmentation,
                    arguments.batch_size,
                    workers,
                    arguments.seconds,
                )
                print(f"{size:5} {workers:8} {rate:9.0f} {rate / bare:8.2f}", flush=True)


if __name__ == "__main__":
    main()
