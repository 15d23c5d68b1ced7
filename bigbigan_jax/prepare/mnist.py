"""Makes the sets "mnist" and "fashion_mnist" from their published files, without TensorFlow."""

import io
from pathlib import Path

import cv2
import numpy as np
import tensorflow_datasets as tfds

from bigbigan_jax.prepare.building import build
from bigbigan_jax.prepare.census import take_census
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.idx import find_idx, read_idx
from bigbigan_jax.prepare.target import local_data_dir, locked, remove_leftovers

NAMES = ("mnist", "fashion_mnist")
SIDE, CLASSES = 28, 10
COUNTS = {"train": 60_000, "test": 10_000}
_PREFIXES = {"train": "train", "test": "t10k"}
_IDLE = 600.0  # seconds

Split = tuple[np.ndarray, np.ndarray]  # images uint8 [N, 28, 28], labels uint8 [N]


def prepare_mnist(name: str, idx: str, data_dir: str | None = None, partial: bool = False) -> None:
    """Packs four idx files as the set of TensorFlow Datasets with this name.

    Name, version, features and order are those TensorFlow Datasets gives it. A set that is
    there already is left alone.

    Args:
      name: one of `NAMES`.
      idx: folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and the two of t10k,
        compressed with gzip or not.
      data_dir: where sets lie; None for the default of TensorFlow Datasets.
      partial: allows other numbers of images than the published 60,000 and 10,000.

    Raises:
      PrepareError: if a file is missing, damaged or not what its name says.
    """
    root = local_data_dir(data_dir)
    splits = {split: read_split(idx, split, None if partial else COUNTS[split]) for split in COUNTS}
    builder = _builder_class(name)(splits=splits, data_dir=str(root), file_format="array_record")
    target = Path(builder.data_dir)
    if target.exists():
        formats = [found.value for found in builder.info.available_file_formats()]
        if "array_record" not in formats:
            raise PrepareError(f"{target} is there already, as {formats}; take another --data_dir")
        print(f"{target} is there already: left alone")
        return
    with locked(target.parent):
        remove_leftovers(target.parent, idle=_IDLE)
        build(builder)
    print(take_census(builder).describe())
    print(f"ready: {target}; config.data.name={name}, config.data.data_dir={root}")


def read_split(folder: str, split: str, count: int | None = None) -> Split:
    """Reads the images and labels of a split.

    Args:
      folder: with the idx files.
      split: "train" or "test".
      count: how many there must be; None for any number.

    Returns:
      Images, uint8 [N, 28, 28], and labels, uint8 [N] in 0..9.

    Raises:
      PrepareError: if files are missing, damaged, or do not fit together.
    """
    image_file = find_idx(folder, f"{_PREFIXES[split]}-images-idx3-ubyte")
    label_file = find_idx(folder, f"{_PREFIXES[split]}-labels-idx1-ubyte")
    images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
    if images.shape[1:] != (SIDE, SIDE):
        size = " x ".join(map(str, images.shape[1:]))
        raise PrepareError(f"{image_file}: images must be 28 x 28 pixels, these are {size}")
    if len(images) != len(labels) or not len(images):
        raise PrepareError(
            f"{image_file} has {len(images):,} images and {label_file} {len(labels):,} labels"
        )
    if count is not None and len(images) != count:
        raise PrepareError(
            f"{image_file} has {len(images):,} images, and {count:,} were published; if that is "
            "meant, say --partial"
        )
    if labels.max() >= CLASSES:
        raise PrepareError(f"{label_file}: labels must be 0 to 9, but there is {labels.max()}")
    return images, labels


def _builder_class(name: str) -> type[tfds.core.DatasetBuilder]:
    published, set_name = tfds.builder_cls(name), name

    class FromIdx(published, skip_registration=True):
        """The set as TensorFlow Datasets defines it, from files at hand."""

        name = set_name
        code_path = None  # where checksums of downloads would be looked for; there are none

        def __init__(self, *, splits: dict[str, Split], **kwargs) -> None:
            self._splits = splits
            super().__init__(**kwargs)

        def _split_generators(self, dl_manager):
            del dl_manager
            return {split: self._generate_examples(*part) for split, part in self._splits.items()}

        def _generate_examples(self, images, labels):
            # TensorFlow would be needed to encode arrays, so they come encoded.
            for index, (image, label) in enumerate(zip(images, labels, strict=True)):
                data = io.BytesIO(cv2.imencode(".png", image)[1].tobytes())
                yield index, {"image": data, "label": int(label)}

    return FromIdx
