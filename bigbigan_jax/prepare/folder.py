"""Packs a tree of the user's own images into a data set, without TensorFlow."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from bigbigan_jax.prepare.census import Census, take_census
from bigbigan_jax.prepare.checking import problems
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.image_files import ImageFile, list_images
from bigbigan_jax.prepare.layout import Arrangement, Labeled, arrange
from bigbigan_jax.prepare.packing import VERSION, pack
from bigbigan_jax.prepare.target import (
    check_new_name,
    check_space,
    local_data_dir,
    locked,
    remove_leftovers,
)
from bigbigan_jax.progress import tracked

MAX_UNREADABLE = 0.01
REPORT = "unreadable.txt"
SOURCE = "source.json"


def prepare_folder(
    images: str,
    name: str,
    data_dir: str | None = None,
    layout: str | None = None,
    max_unreadable: float = MAX_UNREADABLE,
) -> None:
    """Packs images into data_dir/name and prints what became of them.

    Images that cannot be decoded are left out and listed with the reason in `unreadable.txt`
    beside the data. A set that is there already is never changed.

    Args:
      images: folder or uncompressed tar with the images.
      name: name of the set to make.
      data_dir: where sets lie; None for the default of TensorFlow Datasets.
      layout: one of `layout.LAYOUTS`; None to find out.
      max_unreadable: largest share of images, 0 to 1, that may be left out.

    Raises:
      PrepareError: if the folder, the name or the target is wrong, or too many images are.
    """
    check_new_name(name)
    root = local_data_dir(data_dir)
    listing = list_images(images)
    arrangement = arrange(listing.images, layout)
    print(_understood(images, arrangement))
    if listing.ignored:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in listing.ignored.most_common(5))
        print(f"ignoring {listing.ignored.total():,} other files ({kinds})")
    source = {"layout": arrangement.layout, "files": _digest(arrangement)}
    target = root / name / VERSION
    if target.exists():
        _check_same(target, source)
        print(f"{target} is there already, from the same files: nothing to do")
        return
    size = sum(image.size for image in listing.images)
    check_space(root, round(1.02 * size), "as much as the images, and 2 % for the format")
    with locked(root / name):
        remove_leftovers(root / name)
        bad = _check_images(listing.images, root / f"{name}.{REPORT}", max_unreadable)
        good = _without(arrangement, bad)
        extra = {SOURCE: json.dumps(source) + "\n"} | ({REPORT: _report(bad)} if bad else {})
        builder = pack(name, good, root, extra)
    if bad:
        print(f"{len(bad):,} images cannot be read and were left out: see {target / REPORT}")
    _confirm(builder, good)
    print(f"ready: {target}; config.data.name={name}, config.data.data_dir={root}")


def _understood(images: str, arrangement: Arrangement) -> str:
    splits = ", ".join(f"{split} {len(part):,}" for split, part in arrangement.splits.items())
    classes = (
        "no classes" if arrangement.classes is None else f"{len(arrangement.classes):,} classes"
    )
    text = f"{images}: layout {arrangement.layout}; {classes}; images: {splits}"
    for split, absent in arrangement.missing().items():
        names = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
        text += f"\nsplit {split} has no image of {len(absent):,} classes: {names}"
    return text


def _digest(arrangement: Arrangement) -> str:
    digest = hashlib.sha256()
    for split in sorted(arrangement.splits):
        for image in sorted(arrangement.splits[split], key=lambda image: image.name):
            digest.update(f"{split}\0{image.name}\0{image.file.size}\n".encode())
    return digest.hexdigest()


def _check_same(target: Path, source: dict[str, str]) -> None:
    try:
        found = json.loads((target / SOURCE).read_text())
    except (OSError, ValueError):
        found = None
    if found != source:
        raise PrepareError(
            f"{target} is there already, from other files than these (by their names and sizes); "
            "take another --name, or remove it yourself"
        )


def _check_images(
    images: Sequence[ImageFile], report: Path, most: float
) -> dict[tuple[str, ...], str]:
    """The reason, by path, for each image that cannot be used; too many are an error."""
    checked = tracked(problems(images), len(images), "checking images")
    bad = {image.parts: problem for image, problem in checked if problem}
    if len(bad) > most * len(images) or len(bad) == len(images):
        report.write_text(_report(bad), encoding="utf-8")
        raise PrepareError(
            f"{len(bad):,} of {len(images):,} images cannot be read, more than a share of {most:g} "
            f"(--max_unreadable): see {report}; nothing was packed"
        )
    report.unlink(missing_ok=True)
    return bad


def _report(bad: dict[tuple[str, ...], str]) -> str:
    # A name may hold a line break, or bytes that are no text.
    return "".join(
        "/".join(parts).encode("unicode_escape", "surrogateescape").decode("ascii")
        + f"\t{problem}\n"
        for parts, problem in bad.items()
    )


def _without(arrangement: Arrangement, bad: dict[tuple[str, ...], str]) -> Arrangement:
    splits: dict[str, list[Labeled]] = {}
    for split, images in arrangement.splits.items():
        splits[split] = [image for image in images if image.file.parts not in bad]
        if not splits[split]:
            raise PrepareError(f"no image of split {split!r} can be read; nothing was packed")
    return Arrangement(arrangement.layout, splits, arrangement.classes)


def _confirm(builder: tfds.core.DatasetBuilder, arrangement: Arrangement) -> None:
    census = take_census(builder)
    expected: dict[str, dict[str | None, int]] = {}
    for split, images in arrangement.splits.items():
        counts = expected.setdefault(split, {})
        for image in images:
            counts[image.label] = counts.get(image.label, 0) + 1
    if census.digest() != Census(expected).digest():
        raise PrepareError(f"{builder.data_dir} does not hold what was packed; the disk may be bad")
    print(census.describe())
