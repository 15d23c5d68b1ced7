"""Small tars that look like those of ImageNet 2012, for the tests of bigbigan_jax.prepare."""

import io
import tarfile
from pathlib import Path

from image_trees import image_bytes

from bigbigan_jax.prepare.imagenet_tars import TRAIN, VALIDATION, class_names, validation_labels

CLASSES = class_names()[5:8]


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Appends a file."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def make_train(folder: Path, per_class: int = 4) -> dict[str, str]:
    """Writes the training tar of `CLASSES`; returns the class by the name of the image's file."""
    labels = {}
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / TRAIN, "w") as archive:
        for wnid in CLASSES:
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as images:
                for i in range(per_class):
                    add(images, f"{wnid}_{i}.JPEG", image_bytes(len(labels), ".jpg"))
                    labels[f"{wnid}_{i}.JPEG"] = wnid
            add(archive, f"{wnid}.tar", inner.getvalue())
    return labels


def make_validation(folder: Path, per_class: int = 2) -> dict[str, str]:
    """Writes a validation tar, not in the order of names; returns the class by file name."""
    folder.mkdir(exist_ok=True)
    official, labels = validation_labels(), {}
    for wnid in CLASSES:
        names = [name for name, label in official.items() if label == wnid]
        labels |= dict.fromkeys(names[-per_class:], wnid)
    with tarfile.open(folder / VALIDATION, "w") as archive:
        for name in sorted(labels, reverse=True):
            add(archive, name, image_bytes(int(name[-10:-5]), ".jpg"))
    return labels
