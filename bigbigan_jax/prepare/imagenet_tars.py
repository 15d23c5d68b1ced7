"""Checks the two official tars of ImageNet 2012 before hours are spent on them."""

import dataclasses
import tarfile
from collections.abc import Collection
from pathlib import Path

import tensorflow_datasets as tfds

from bigbigan_jax.prepare.errors import PrepareError

TRAIN, VALIDATION = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
CLASSES, VALIDATION_IMAGES = 1_000, 50_000
_LABELS = "datasets/imagenet2012/"


@dataclasses.dataclass(frozen=True)
class SplitTar:
    """The tar a split comes from.

    Attributes:
      split: "train" or "validation".
      path: the tar.
      size: bytes.
    """

    split: str
    path: Path
    size: int


def class_names() -> list[str]:
    """Returns the names of the 1,000 classes by number, such as "n01440764"."""
    return (tfds.core.tfds_path(_LABELS) / "labels.txt").read_text().split()


def validation_labels() -> dict[str, str]:
    """Returns the class of each of the 50,000 validation images by the name of its file."""
    labels = (tfds.core.tfds_path(_LABELS) / "validation_labels.txt").read_text().split()
    return {f"ILSVRC2012_val_{number:08d}.JPEG": label for number, label in enumerate(labels, 1)}


def find_tars(folder: str, partial: bool = False) -> list[SplitTar]:
    """Finds and checks the tars; the small one first, so that mistakes show early.

    Args:
      folder: where they lie.
      partial: allows either one alone, and fewer classes or validation images.

    Raises:
      PrepareError: if one is missing, unreadable, cut off, or does not hold what it should.
    """
    result = []
    for split, name in (("validation", VALIDATION), ("train", TRAIN)):
        path = Path(folder).expanduser() / name
        if path.is_file():
            (_check_train if split == "train" else _check_validation)(path, partial)
            result.append(SplitTar(split, path, path.stat().st_size))
        elif not partial:
            raise PrepareError(
                f"--tars={folder}: {name} is not there; it comes from "
                "https://image-net.org/download-images, after registering"
            )
    if not result:
        raise PrepareError(f"--tars={folder}: neither {TRAIN} nor {VALIDATION} is there")
    return result


def _check_validation(path: Path, partial: bool) -> None:
    names = [member.name for member in _members(path)]
    _check_names(path, names, validation_labels(), "ILSVRC2012_val_00000001.JPEG to _00050000.JPEG")
    _check_count(path, len(names), VALIDATION_IMAGES, "images", partial)


def _check_train(path: Path, partial: bool) -> None:
    members = _members(path)
    names = [f"{name}.tar" for name in class_names()]
    _check_names(
        path,
        [member.name for member in members],
        names,
        "a tar for each class, such as n01440764.tar",
    )
    _check_count(path, len(members), CLASSES, "classes", partial)
    with tarfile.open(path, "r:") as archive:
        for member in members:
            if not (first := _first_name(archive, member)).endswith(".JPEG"):
                raise PrepareError(
                    f"{path}: {member.name} in it must be a tar of *.JPEG, but "
                    + (f"it starts with {first!r}" if first else "it is not")
                )


def _first_name(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """The name of the first file in a tar inside a tar; empty if there is none."""
    try:
        with tarfile.open(fileobj=archive.extractfile(member), mode="r:") as inner:
            first = inner.next()
    except tarfile.TarError:
        return ""
    return first.name if first else ""


def _members(path: Path) -> list[tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r:") as archive:
            return [member for member in archive if not member.isdir()]
    except (OSError, tarfile.TarError) as error:
        raise PrepareError(f"{path} is not a whole tar: {error}; download it again") from error


def _check_names(path: Path, names: list[str], allowed: Collection[str], what: str) -> None:
    names = [name.removeprefix("./") for name in names]
    known = set(allowed)
    if wrong := [name for name in names if name not in known]:
        raise PrepareError(f"{path} must hold {what}, but there is {wrong[0]!r}")
    if len(set(names)) < len(names):
        raise PrepareError(f"{path} holds the same name twice")


def _check_count(path: Path, found: int, expected: int, what: str, partial: bool) -> None:
    if not found or (found != expected and not partial):
        raise PrepareError(
            f"{path} holds {found:,} {what} and the official one {expected:,}; download it again, "
            "or say --partial if a part of ImageNet is meant"
        )
