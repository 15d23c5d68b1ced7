"""What generated images are compared with: the statistics of a data set, kept on disk."""

import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from absl import logging

from bigbigan_jax.data import Source
from bigbigan_jax.evaluate.collecting import collect
from bigbigan_jax.evaluate.images import of_source
from bigbigan_jax.inception import LOGITS, InceptionFeatures
from bigbigan_jax.scores import FrechetReference, Moments, ScoreError

CACHE = Path("~/.cache/bigbigan_jax/references")
_VERSION = 1  # of what is in the files

Shown = Callable[[Iterable[np.ndarray], int, str], Iterator[np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Reference:
    """Statistics of real images.

    Attributes:
      name: what a table calls it, such as "train".
      about: what it is, in words.
      count: number of images.
      frechet: by width of the features, what Fréchet distances are taken to.
      kept: features of some images, [K, D] float32, of the widest features.
    """

    name: str
    about: str
    count: int
    frechet: dict[int, FrechetReference]
    kept: np.ndarray

    @classmethod
    def of(
        cls, name: str, about: str, moments: dict[int, Moments], kept: np.ndarray
    ) -> "Reference":
        """Builds it from the moments by width."""
        count = next(iter(moments.values())).count
        return cls(name, about, count, {w: FrechetReference(m) for w, m in moments.items()}, kept)


def reference_of(
    source: Source,
    size: int,
    channels: int,
    inception: InceptionFeatures,
    keep: int,
    cache: Path,
    shown: Shown,
) -> Reference:
    """Statistics of a data set, read if they are known and kept if they are not.

    Args:
      source: the data set.
      size: of G's images: the short side is resized to it, then the centre is cut out.
      channels: of the images.
      inception: gives the features.
      keep: of how many images the features are kept.
      cache: folder for the statistics.
      shown: passes batches on and shows how many images there were, of how many, of what.
    """
    about = f"{source.name} {source.split}, {len(source):,} images, short side to {size} px, centre"
    widths = [width for width in inception.outputs if width != LOGITS]
    key = [_VERSION, source.fingerprint, size, channels, inception.fingerprint, widths, keep]
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
    path = cache.expanduser() / f"{source.name.replace('/', '-')}_{source.split}_{digest}.npz"
    found = _read(path) if path.exists() else None
    if found is None:
        images = shown(of_source(source, size, channels), len(source), f"reading {source.split}")
        of_images = collect(images, len(source), inception, parts=1, keep=keep)
        found = {width: of_images.whole(width) for width in widths}, of_images.kept
        _write(path, *found)
    return Reference.of(source.split, about, *found)


def _write(path: Path, moments: dict[int, Moments], kept: np.ndarray) -> None:
    arrays = {"kept": kept, "count": np.array(next(iter(moments.values())).count)}
    for width, of_width in moments.items():
        arrays |= {f"{part}_{width}": getattr(of_width, part) for part in ("mean", "scatter")}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        np.savez(partial, **arrays)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[int, Moments], np.ndarray] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            widths = [int(name.removeprefix("mean_")) for name in arrays.files if "mean" in name]
            count = int(arrays["count"])
            moments = {
                w: Moments(count, arrays[f"mean_{w}"], arrays[f"scatter_{w}"]) for w in widths
            }
            return moments, arrays["kept"]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, ScoreError) as error:
        logging.warning("%s is damaged (%s); it is made anew", path, error)
        return None
