"""Images a second and core of the training pipeline, next to bare decoding and to others.

    python -m benchmarks.loader --images=DIR_OR_TAR --image_size 128 256 --workers 0 2
    python -m benchmarks.loader --images=imagenette.tar --mosaics=400 --rate=10000

The bare rate is that of threads on all cores that do nothing but cv2.imdecode on bytes in memory:
what no pipeline around that decoder could reach. A core is a second of CPU time, of all processes
and threads together, so other work on the machine changes the numbers little. The competitors
take turns, and the median of the turns is shown. tf.data and torch's DataLoader do the same job
where TensorFlow and torch are installed.

--mosaics=N measures on N JPEGs of mixed sizes like ImageNet's (most 500x375, some up to
1600x1200, quality 90 to 95), cut out of photographs laid side by side: for those who have small
photographs only. Their content is that of photographs but for the seams.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import loader_rivals as rivals
from benchmarks.cpu_time import images_per_cpu_second
from benchmarks.loader_images import FileSource, make_images, make_mosaics, open_images
from bigbigan_jax.data import AUGMENTATIONS, DataError


def competitors(
    source: FileSource, size: int, arguments: argparse.Namespace
) -> dict[str, Iterator]:
    """Returns who is measured at an image size, by name; "bare" is the first."""
    files, batch_size = source.contents(), arguments.batch_size
    augmentation = AUGMENTATIONS[arguments.augmentation]
    entrants = {"bare cv2.imdecode": rivals.bare(files, batch_size)}
    for workers in arguments.workers:
        name = f"training_batches, {workers} processes" if workers else "training_batches, threads"
        entrants[name] = rivals.pipeline(source, size, batch_size, workers, augmentation)
    if arguments.augmentation == "resnet" and not arguments.alone:
        workers = max(1, *arguments.workers)
        if rivals.has("torch"):
            name = f"torch DataLoader, Pillow, {workers} processes"
            entrants[name] = rivals.torch_loader(files, size, batch_size, workers)
        if rivals.has("tensorflow"):
            entrants["tf.data"] = rivals.tf_data(files, size, batch_size)
    return entrants


def measure(entrants: dict[str, Iterator], rounds: int, seconds: float) -> dict[str, float]:
    """Returns images a CPU second of each, the median over rounds in which they take turns."""
    for batches in entrants.values():
        next(batches)
    rates: dict[str, list[float]] = {name: [] for name in entrants}
    for _ in range(rounds):
        for name, batches in entrants.items():
            images, used = images_per_cpu_second(batches, seconds)
            rates[name].append(images / used)
    for batches in entrants.values():
        batches.close()
    return {name: float(np.median(found)) for name, found in rates.items()}


def parse() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", type=Path, help="folder or .tar with JPEGs; default: made up")
    add("--count", type=int, default=512, help="JPEGs to use")
    add("--mosaics", type=int, default=0, help="join them to so many of mixed sizes; 0: as is")
    add("--image_size", type=int, nargs="+", default=[128, 256])
    add("--augmentation", choices=list(AUGMENTATIONS), default="resnet")
    add("--batch_size", type=int, default=128)
    add("--workers", type=int, nargs="+", default=[0, 2], help="processes; 0 means threads")
    add("--alone", action="store_true", help="without tf.data and torch")
    add("--rounds", type=int, default=3, help="turns of each competitor")
    add("--seconds", type=float, default=4.0, help="length of a turn")
    add("--rate", type=float, default=10_000, help="images/s of the chips, to count host cores for")
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("CPU time of other processes is read from /proc, which only Linux has")
    return arguments


def main() -> None:
    """Measures and prints the table."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        try:
            if arguments.images is None:
                make_images(made, min(arguments.count, 64))
            source = open_images(arguments.images or made, arguments.count)
            if arguments.mosaics:
                joined = made / "mosaics"
                joined.mkdir()
                make_mosaics(source, joined, arguments.mosaics)
                source = open_images(joined, arguments.mosaics)
        except DataError as error:
            sys.exit(f"error: {error}")
        size_kb = np.mean([size for _, _, size in source.places]) / 1000
        print(f"{len(source.places)} JPEGs of {size_kb:.0f} KB on average")
        print(f"images/s a core; their ratio to bare; cores for {arguments.rate:.0f} images/s")
        for size in arguments.image_size:
            print(f"{arguments.augmentation}, {size} px")
            entrants = competitors(source, size, arguments)
            rates = measure(entrants, arguments.rounds, arguments.seconds)
            bare = next(iter(rates.values()))
            for name, rate in rates.items():
                cores = math.ceil(arguments.rate / rate)
                print(f"  {name:42} {rate:7.0f} {rate / bare:6.2f} {cores:5}", flush=True)


if __name__ == "__main__":
    main()
