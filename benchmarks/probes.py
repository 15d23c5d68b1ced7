"""Probes at the size of ImageNet: steps and queries a second, and memory.

    python -m benchmarks.probes --width=2048
    python -m benchmarks.probes --width=16384 --dtype=float16 --queries=64

Features are made up (noise around a centre for each class) and memory-mapped from a file in
--folder, as those of `bigbigan_jax.extract` are. Memory is what the process itself holds (RssAnon),
without the part of the file that the system keeps in its cache as long as nobody else wants it.
"""

import argparse
import dataclasses
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from bigbigan_jax.probe.features import Features
from bigbigan_jax.probe.knn import METRICS, nearest
from bigbigan_jax.probe.linear import TABLE_1, TABLE_2, LinearProtocol, train_linear
from bigbigan_jax.progress import tracked

_ROWS = 4096  # written at a time
_JUDGED = 2048
_FIRST = 5  # steps that are not counted: one compiles, some are dispatched ahead


class Memory:
    """The most memory that this process has held while this was open, GiB."""

    def __enter__(self) -> "Memory":
        self.peak, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while True:
            status = Path("/proc/self/status").read_text()
            held = next(line for line in status.splitlines() if line.startswith("RssAnon"))
            self.peak = max(self.peak, int(held.split()[1]) / 2**20)
            if self._done.wait(0.05):
                return

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()


def made_up(path: Path, images: int, width: int, classes: int, dtype: str) -> Features:
    """Writes features to a file, and maps it."""
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=images).astype(np.int32)
    centres = rng.standard_normal((classes, width), np.float32)
    values = np.lib.format.open_memmap(path, "w+", dtype, (images, width))
    noise = rng.standard_normal((_ROWS, width), np.float32)
    starts = range(0, images, _ROWS)
    for start in tracked(starts, len(starts), "writing features", unit="parts"):
        rows = slice(start, min(start + _ROWS, images))
        shift = rng.integers(width)  # fresh noise would take minutes
        noisy = np.roll(noise, shift, axis=1)[: rows.stop - rows.start]
        values[rows] = centres[labels[rows]] + noisy
    values.flush()
    del values
    return Features(np.load(path, mmap_mode="r"), labels, classes)


def linear_rate(features: Features, protocol: LinearProtocol, steps: int) -> float:
    """Steps a second of the linear probe, but for the first and for judging."""
    judge = Features(features.values[:_JUDGED], features.labels[:_JUDGED], features.num_classes)
    began: list[float] = []

    def timed(numbers: range) -> Iterator[int]:
        for number in numbers:
            began.append(time.perf_counter())
            yield number

    protocol = dataclasses.replace(protocol, steps=steps + _FIRST, judge_every=0)
    train_linear(features, judge, protocol, progress=timed)
    return steps / (began[-1] - began[_FIRST - 1])


def main() -> None:
    """Writes features, runs the probes, prints a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1_281_167)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32")
    parser.add_argument("--steps", type=int, default=10, help="of linear probes")
    parser.add_argument("--queries", type=int, default=256, help="of nearest neighbours")
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=METRICS)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    size = arguments.images * arguments.width * np.dtype(arguments.dtype).itemsize
    if size > (free := shutil.disk_usage(arguments.folder).free):
        sys.exit(
            f"--folder={arguments.folder}: has {free / 1e9:.0f} GB free; the features take "
            f"{size / 1e9:.0f} GB"
        )
    shape = f"{arguments.images:,} x {arguments.width:,} {arguments.dtype}"
    print(f"{shape}, {size / 1e9:.1f} GB, {arguments.classes} classes, {jax.devices()[0]}")
    print(f"{'probe':<34} {'rate':>20} {'memory, GiB':>12}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "features.npy"
        train = made_up(path, arguments.images, arguments.width, arguments.classes, arguments.dtype)
        for name, protocol in {
            "Table 1, one rate": TABLE_1,
            "Table 2, five rates": TABLE_2,
        }.items():
            with Memory() as memory:
                rate = linear_rate(train, protocol, arguments.steps)
            shown = f"{rate:.3g} steps/s"
            print(f"{'linear, ' + name:<34} {shown:>20} {memory.peak:12.1f}", flush=True)
        rows = np.sort(np.random.default_rng(1).integers(arguments.images, size=arguments.queries))
        queries = Features(train.values[rows], train.labels[rows], train.num_classes)
        for metric in arguments.metrics:
            with Memory() as memory:
                began = time.perf_counter()
                nearest(queries, train, 100, metric)
                rate = arguments.queries / (time.perf_counter() - began)
            shown = f"{rate:.3g} queries/s"
            print(f"{'100-NN, ' + metric:<34} {shown:>20} {memory.peak:12.1f}", flush=True)


if __name__ == "__main__":
    main()
