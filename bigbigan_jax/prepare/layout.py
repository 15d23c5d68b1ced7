"""What the folders of a tree of images mean: splits, classes, or neither."""

import dataclasses
import re
from collections.abc import Sequence

from bigbigan_jax.data.train_val import SPLITS as RESERVED_SPLITS
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.image_files import ImageFile

LAYOUTS = ("split/class", "class", "split", "flat")
_LIKE_A_SPLIT = re.compile(r"(train|val|test|dev|eval|unlabel|extra)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Labeled:
    """An image in its place.

    Attributes:
      name: its path below the folder of its split, with "/" between the parts; UTF-8.
      label: the name of its class; None in a set without classes.
      file: where its bytes are.
    """

    name: str
    label: str | None
    file: ImageFile


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """A tree of images, understood.

    Attributes:
      layout: one of `LAYOUTS`.
      splits: the images of each split, by its name.
      classes: the names of the classes of all splits, sorted; an image's number is the place of
        its class here, in every split. None in a set without classes.
    """

    layout: str
    splits: dict[str, list[Labeled]]
    classes: list[str] | None

    def missing(self) -> dict[str, list[str]]:
        """Returns, by split, the classes of which it has no image; only splits with such."""
        result = {}
        for split, images in self.splits.items():
            absent = sorted(set(self.classes or ()) - {image.label for image in images})
            if absent:
                result[split] = absent
        return result


def arrange(images: Sequence[ImageFile], layout: str | None = None) -> Arrangement:
    """Sorts images into splits and classes by their folders.

    Folders below a class belong to it. Without `layout` it is found out: outer folders that hold
    all images and have no name like a split's are passed over; then folders named train...,
    val..., test..., dev..., eval..., unlabel... or extra... are splits and others classes.

    Args:
      images: one or more images.
      layout: one of `LAYOUTS`, or None to find out.

    Raises:
      PrepareError: if the layout is mixed or ambiguous, or a name cannot be kept.
    """
    images, skip = list(images), 0
    if layout is None:
        skip = _outer_folders(images)
        layout = _detect(images, skip)
    folders = {"split/class": 2, "class": 1, "split": 1, "flat": 0}[layout]
    has_splits, has_classes = layout.startswith("split"), layout.endswith("class")
    splits: dict[str, list[Labeled]] = {}
    for image in images:
        parts = image.parts[skip:]
        if len(parts) <= folders:
            raise PrepareError(
                f"--layout={layout} wants each image below {folders} folder(s), but there is "
                f"{'/'.join(image.parts)}"
            )
        split, rest = (parts[0], parts[1:]) if has_splits else ("train", parts)
        label = _text(rest[0]) if has_classes else None
        splits.setdefault(split, []).append(Labeled(_text("/".join(rest)), label, image))
    _check_splits(splits)
    if not has_classes:
        return Arrangement(layout, splits, None)
    classes = sorted({image.label for part in splits.values() for image in part})
    _check_classes(classes)
    return Arrangement(layout, splits, classes)


def _outer_folders(images: Sequence[ImageFile]) -> int:
    skip = 0
    while all(len(image.parts) > skip + 1 for image in images):
        tops = {image.parts[skip] for image in images}
        if len(tops) > 1 or _LIKE_A_SPLIT.match(*tops):
            break
        skip += 1
    return skip


def _detect(images: Sequence[ImageFile], skip: int) -> str:
    # One image for each depth at which there are some; what is deeper than a class is its own.
    by_depth = {min(len(image.parts) - skip - 1, 2): image for image in images}
    if list(by_depth) == [0]:
        return "flat"
    tops = {image.parts[skip] for image in images if len(image.parts) - skip > 1}
    like_splits = {top for top in tops if _LIKE_A_SPLIT.match(top)}
    if len(by_depth) == 1 and like_splits == tops:
        return "split/class" if 2 in by_depth else "split"
    if len(by_depth) == 1 and not like_splits and 1 in by_depth:
        return "class"
    if len(by_depth) > 1:
        found = " and ".join("/".join(image.parts) for image in by_depth.values())
        reason = f"images lie at several depths, such as {found}"
    elif like_splits:
        odd = sorted(tops - like_splits)[0]
        reason = f"{sorted(like_splits)[0]!r} is named like a split and {odd!r} is not"
    else:
        reason = f"{sorted(tops)[0]!r} may be a split or a class with folders inside"
    raise PrepareError(
        f"--images: {reason}; say what the folders are by --layout={'|'.join(LAYOUTS)}, or put "
        "apart what does not belong together"
    )


def _check_splits(splits: dict[str, list[Labeled]]) -> None:
    for split in splits:
        if not re.fullmatch(r"[\w-]+", split, re.ASCII) or split.lower() == "all":
            raise PrepareError(
                f"--images: a split cannot be called {split!r}; rename the folder to letters, "
                "digits and _, such as train"
            )
        if split in RESERVED_SPLITS:
            raise PrepareError(
                f"--images: {split!r} is a split that every training set has already (images held "
                "out of it); rename the folder, such as to val"
            )


def _check_classes(classes: Sequence[str]) -> None:
    for name in classes:
        # The list of names is a text file with a name a line, and is stripped when read.
        if name != name.strip() or "\n" in name or "\r" in name:
            raise PrepareError(
                f"--images: a class cannot be called {name!r}; rename the folder so that it has no "
                "space at its ends and no line break"
            )


def _text(name: str) -> str:
    """A file name as text; bytes that are no UTF-8 become \\xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
