"""ImageNet 2012 from its official tars, by the builder of TensorFlow Datasets, in steps.

Each split is written apart, below data_dir/imagenet2012/unfinished_5_1_0, and kept there until all
are done; then their files move together. Whenever the process dies, the next try goes on with what
is complete.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from bigbigan_jax.prepare.census import Census, take_census
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.imagenet_split import NAME, build_split
from bigbigan_jax.prepare.imagenet_tars import SplitTar, find_tars
from bigbigan_jax.prepare.target import (
    check_space,
    in_words,
    local_data_dir,
    locked,
    remove_leftovers,
    size_of,
)
from bigbigan_jax.prepare.with_tensorflow import require_tensorflow

OFFICIAL = {"train": 1_281_167, "validation": 50_000}
CLASSES = 1_000
_IDLE = 600.0  # seconds
_TAR, _INFO = "tar.json", "dataset_info.json"


def prepare_imagenet(tars: str, data_dir: str | None = None, partial: bool = False) -> None:
    """Makes the set "imagenet2012" and prints what it holds.

    Args:
      tars: folder with ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar.
      data_dir: where sets lie; None for the default of TensorFlow Datasets.
      partial: allows tars with a part of ImageNet, or one alone.

    Raises:
      PrepareError: if tars are missing or wrong, TensorFlow is, or the disk is too small, all
        before anything is written; or if in the end the official counts are not met.
    """
    root = local_data_dir(data_dir)
    builder = tfds.builder(NAME, data_dir=str(root))
    target = Path(builder.data_dir)
    work = target.parent / f"unfinished_{target.name.replace('.', '_')}"
    if target.exists():
        _recognise(builder, partial)
        shutil.rmtree(work, ignore_errors=True)  # all of value in it has moved to the target
        return
    require_tensorflow(f"preparing {NAME}")
    found = find_tars(tars, partial)
    with locked(target.parent):
        _clear(work, found)
        todo = [tar for tar in found if not _staged(work, tar, target.name).exists()]
        _check_space(root, todo)
        for tar in found:
            if tar not in todo:
                print(f"{tar.split}: complete from an earlier try")
                continue
            print(f"{tar.split}: from {tar.path} ({in_words(tar.size)})", flush=True)
            (work / tar.split).mkdir(parents=True, exist_ok=True)
            (work / tar.split / _TAR).write_text(_identity(tar))
            build_split(tar, work / tar.split)
        _merge(work, target, sorted(tar.split for tar in found))
    census = take_census(tfds.builder(NAME, data_dir=str(root)))
    print(census.describe())
    _compare(census, target, partial)
    print(f"ready: {target}; config.data.name={NAME}, config.data.data_dir={root}")


def _recognise(builder: tfds.core.DatasetBuilder, partial: bool) -> None:
    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    formats = [found.value for found in builder.info.available_file_formats()]
    if not counts or "array_record" not in formats:
        raise PrepareError(
            f"{builder.data_dir} is there already, but it is not a set in ArrayRecord files; take "
            "another --data_dir, or remove it yourself"
        )
    text = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    if counts != OFFICIAL and not partial:
        raise PrepareError(
            f"{builder.data_dir} is there already with {text} images, a part of ImageNet; take "
            "another --data_dir, or remove it yourself"
        )
    print(f"{builder.data_dir} is there already ({text} images): left alone")


def _staged(work: Path, tar: SplitTar, version: str) -> Path:
    return work / tar.split / NAME / version / _INFO


def _identity(tar: SplitTar) -> str:
    return json.dumps({"size": tar.size, "changed": tar.path.stat().st_mtime_ns})


def _clear(work: Path, tars: Sequence[SplitTar]) -> None:
    """Removes what earlier tries left, but for complete splits from these tars."""
    remove_leftovers(work.parent, _IDLE)
    for tar in tars:
        remove_leftovers(work / tar.split / NAME)
    expected = {tar.split: _identity(tar) for tar in tars}
    for note in work.glob(f"*/{_TAR}"):
        if note.read_text() != expected.get(note.parent.name):
            size = size_of(work)
            shutil.rmtree(work)
            print(f"removed {work} ({in_words(size)}): it was made from other tars")
            return


def _check_space(root: Path, todo: Sequence[SplitTar]) -> None:
    size = sum(tar.size for tar in todo)
    reason = (
        f"the records take as much as their tars, {in_words(size)}, and while a split is shuffled, "
        "its temporary files turn into records one by one; 3 % are for the format"
    )
    check_space(root, round(1.03 * size), reason)


def _merge(work: Path, target: Path, splits: Sequence[str]) -> None:
    """Moves the files of all splits together; can be repeated from wherever it ended."""
    merged = work / "merged"
    merged.mkdir(exist_ok=True)
    infos = []
    for split in splits:
        part = tfds.builder(NAME, data_dir=str(work / split))
        infos.append(part.info.splits[split])
        for path in infos[-1].filepaths:
            if path.exists():
                os.replace(path, merged / path.name)
            elif not (merged / path.name).exists():
                raise PrepareError(f"{path} is gone; remove {work} and start again")
    whole = tfds.builder(NAME, data_dir=str(target.parent.parent), file_format="array_record")
    whole.info.set_splits(tfds.core.SplitDict(infos))
    whole.info.write_to_directory(merged)
    merged.rename(target)
    shutil.rmtree(work, ignore_errors=True)


def _compare(census: Census, target: Path, partial: bool) -> None:
    counts = {split: census.total(split) for split in census.counts}
    if counts == OFFICIAL and census.classes() == CLASSES:
        print("these are the official numbers of images and classes")
        return
    official = ", ".join(f"{split} {count:,}" for split, count in OFFICIAL.items())
    text = f"these are not the official numbers ({official}, {CLASSES:,} classes)"
    if not partial:
        raise PrepareError(f"{target}: {text}; download the tars again")
    print(text)
