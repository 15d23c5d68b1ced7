"""Runs an encoder over a data set."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bigbigan_jax.data import Source, evaluation_batches
from bigbigan_jax.extract.store import LABELS, Store
from bigbigan_jax.hub import Model

NAMES = ("avepool_feat", "z_mean", "z_stdev")


@dataclasses.dataclass(frozen=True)
class Rows:
    """Some records of a source, in their order: a `Source` itself."""

    source: Source
    rows: Sequence[int]

    def __len__(self) -> int:
        """Returns how many they are."""
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns record `index` of them."""
        return self.source[self.rows[index]]

    def __getattr__(self, name: str) -> Any:
        """Name, split and the like are those of the source."""
        if name == "source":  # while it is unpickled there is none yet
            raise AttributeError(name)
        return getattr(self.source, name)


def extract(
    model: Model,
    source: Source,
    folder: Path,
    *,
    names: Sequence[str] = NAMES[:1],
    dtype: str = "float32",
    part: tuple[int, int] = (0, 1),
    batch_size: int = 256,
    progress: Callable[[Iterable[int], int], Iterator[int]] | None = None,
) -> None:
    """Writes features of the centre crops of all images, from where an earlier call was stopped.

    Args:
      model: with an encoder.
      source: the images.
      folder: of the features (see `Store`).
      names: which of E's outputs.
      dtype: "float32", or "float16" to halve the room.
      part: (I, N) to do the I-th of N parts only.
      batch_size: images at a time.
      progress: wraps the numbers of the images, of which there are so many.

    Raises:
      StoreError: the folder has features of something else.
      bigbigan_jax.data.DataError: an image cannot be read.
      bigbigan_jax.hub.InputError: the model has no encoder.
    """
    channels = model.networks.image_channels
    probe = np.zeros((1, model.image_size, model.image_size, channels), np.uint8)
    widths = jax.tree.map(lambda value: value.shape[1], model.encode(probe))
    shapes: dict[str, tuple[int, ...]] = {name: (len(source), widths[name]) for name in names}
    dtypes: dict[str, Any] = dict.fromkeys(names, dtype)
    if source.num_classes is not None:
        shapes[LABELS], dtypes[LABELS] = (len(source),), np.int32
    about = {
        "model": {name: model.about[name] for name in ("weights", "step", "model")},
        "data": {"name": source.name, "split": source.split, "fingerprint": source.fingerprint},
        "num_classes": source.num_classes,
    }
    with Store(folder, about, shapes, dtypes, part) as store:
        rest = store.rows[store.done :]
        if not rest:
            return
        batches = evaluation_batches(
            Rows(source, rest),
            image_size=model.image_size,
            channels=channels,
            batch_size=batch_size,
        )
        count = progress(rest, len(rest)) if progress else iter(rest)
        with contextlib.closing(batches):
            for batch in batches:
                found = model.encode(batch["image"])
                labels = {LABELS: batch["label"]} if LABELS in shapes else {}
                store.write({name: found[name] for name in names} | labels)
                for _ in batch["image"]:
                    next(count)
        next(count, None)
