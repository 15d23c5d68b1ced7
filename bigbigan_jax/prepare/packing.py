"""Writes images into a set of TensorFlow Datasets, in ArrayRecord files, without TensorFlow."""

import functools
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from bigbigan_jax.prepare.building import build
from bigbigan_jax.prepare.image_files import ImageFile
from bigbigan_jax.prepare.layout import Arrangement, Labeled
from bigbigan_jax.progress import tracked

VERSION = "1.0.0"
_SHARD_BYTES = 256 << 20


def pack(
    name: str, arrangement: Arrangement, data_dir: Path, extra_files: dict[str, str]
) -> tfds.core.DatasetBuilder:
    """Writes a set to data_dir/name/VERSION; the folder appears when all is in it.

    Records hold "image", the bytes of the file as they are; "file_name", the path below the split;
    and "label" if there are classes. Their order is random, and the same every time: by a hash of
    the names.

    Args:
      name: what to call the set.
      arrangement: the images.
      data_dir: where sets lie.
      extra_files: text files to write beside the data, by name.

    Returns:
      The builder, its data prepared.

    Raises:
      PrepareError: if an image cannot be read or the disk is full; nothing is left then.
    """
    # TensorFlow Datasets keeps a list of builder classes by name, and a second call would clash.
    builder_class = type(name, (_Packer,), {"name": name}, skip_registration=True)
    builder = builder_class(
        arrangement=arrangement,
        extra_files=extra_files,
        data_dir=str(data_dir),
        file_format="array_record",
    )
    build(builder)
    return builder


class _Packer(tfds.core.ShardBasedBuilder, skip_registration=True):
    """Writes shards one after the other.

    A GeneratorBasedBuilder would shuffle by itself, but needs TensorFlow for that as soon as a
    split is larger than a gigabyte, and twice the writing.
    """

    VERSION = tfds.core.Version(VERSION)
    code_path = None  # where checksums of downloads would be looked for; there are none

    def __init__(self, *, arrangement: Arrangement, extra_files: dict[str, str], **kwargs) -> None:
        self._arrangement = arrangement
        self._extra_files = extra_files
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        # Images keep the encoding of their files; the format is only for arrays, of which there
        # are none.
        features = {"image": tfds.features.Image(), "file_name": tfds.features.Text()}
        if self._arrangement.classes is not None:
            features["label"] = tfds.features.ClassLabel(names=self._arrangement.classes)
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"Images packed from a folder, layout {self._arrangement.layout}.",
            features=tfds.features.FeaturesDict(features),
        )

    def _shard_iterators_per_split(self, dl_manager):
        del dl_manager
        splits = self._arrangement.splits
        return {split: _shards(split, images) for split, images in splits.items()}

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        super()._download_and_prepare(dl_manager, download_config)
        for name, text in self._extra_files.items():
            (Path(self.data_dir) / name).write_text(text, encoding="utf-8")


Example = tuple[str, dict[str, ImageFile | str]]


def _shards(split: str, images: Sequence[Labeled]) -> list[Callable[[], Iterator[Example]]]:
    """Functions that yield the examples of a shard; to be called in this order."""
    ordered = sorted(images, key=lambda image: hashlib.sha256(image.name.encode()).digest())
    size = sum(image.file.size for image in ordered)
    count = min(len(ordered), max(1, round(size / _SHARD_BYTES)))
    borders = [len(ordered) * i // count for i in range(count + 1)]
    left = tracked(ordered, len(ordered), f"writing {split}")
    # The last takes what is left, to its end, so that the bar is closed.
    sizes = [end - start for start, end in itertools.pairwise(borders[:-1])]
    return [functools.partial(_examples, left, size) for size in (*sizes, None)]


def _examples(left: Iterator[Labeled], count: int | None) -> Iterator[Example]:
    for image in itertools.islice(left, count):
        # Read when it is written: the examples of a shard are all held until its end.
        example = {"image": image.file, "file_name": image.name}
        if image.label is not None:
            example["label"] = image.label
        yield image.name, example
