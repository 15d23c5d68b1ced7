"""The image files below a folder or inside a tar, wherever they lie."""

import dataclasses
import os
import stat
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bigbigan_jax.prepare.errors import PrepareError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that is an image by its name.

    Attributes:
      parts: its path below the root: the folders, then the name.
      path: the file on disk that holds its bytes, itself or a tar.
      offset: position of its first byte in that file.
      size: bytes.
      problem: why it cannot be read, where that is known already; else empty.
    """

    parts: tuple[str, ...]
    path: str
    offset: int
    size: int
    problem: str = ""

    def read(self) -> bytes:
        """Returns the content.

        Raises:
          OSError: if it cannot be read, or is shorter than it was when listed.
        """
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) != self.size:
            raise OSError(f"it ended after {len(data)} of {self.size} bytes")
        return data


@dataclasses.dataclass(frozen=True)
class Listing:
    """What was found.

    Attributes:
      images: the image files, in the order of their paths.
      ignored: how many other files there were, by suffix.
    """

    images: list[ImageFile]
    ignored: Counter[str]


def list_images(root: str, flag: str = "--images") -> Listing:
    """Lists the images of a folder, or of an uncompressed tar.

    Images are files named *.jpg, *.jpeg, *.png or *.webp in any case. What is hidden (a file or
    folder whose name starts with a dot) and macOS's __MACOSX are passed over. Symbolic links are
    followed in a folder, each folder once on the way down, and are a problem in a tar.

    Args:
      root: the folder or the tar.
      flag: of the command line by which it was given.

    Raises:
      PrepareError: if there is no such folder or tar, or it holds no image.
    """
    ignored: Counter[str] = Counter()
    root = os.path.expanduser(root)  # a shell leaves the ~ of --images=~/photographs alone
    if os.path.isdir(root):
        found = _walk(root, (), frozenset(), ignored, flag)
    elif os.path.isfile(root):
        found = _tar_members(root, ignored, flag)
    else:
        raise PrepareError(f"{flag}={root}: there is no such folder or tar")
    images = sorted(found, key=lambda image: image.parts)
    if not images:
        others = f" among {ignored.total():,} other files" if ignored else ""
        raise PrepareError(f"{flag}={root}: no {', '.join(SUFFIXES)} file is there{others}")
    return Listing(images, ignored)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _walk(
    folder: str,
    parts: tuple[str, ...],
    above: frozenset[str],
    ignored: Counter[str],
    flag: str,
) -> Iterator[ImageFile]:
    real = os.path.realpath(folder)
    if real in above:  # a link back up
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise PrepareError(f"{flag}: cannot list {folder}: {error.strerror}") from error
    for entry in entries:
        if _is_hidden(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(entry.path, (*parts, entry.name), above | {real}, ignored, flag)
        elif (suffix := Path(entry.name).suffix.lower()) not in SUFFIXES:
            ignored[suffix or "no suffix"] += 1
        else:
            yield _on_disk(entry, (*parts, entry.name))


def _on_disk(entry: os.DirEntry, parts: tuple[str, ...]) -> ImageFile:
    try:
        status = entry.stat()
    except OSError as error:
        return ImageFile(parts, entry.path, 0, 0, f"cannot be read: {error.strerror}")
    # To open a pipe or a device could wait for ever.
    problem = "" if stat.S_ISREG(status.st_mode) else "is not a regular file"
    return ImageFile(parts, entry.path, 0, status.st_size, problem)


def _tar_members(path: str, ignored: Counter[str], flag: str) -> list[ImageFile]:
    found = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                parts = tuple(part for part in member.name.split("/") if part not in ("", "."))
                if member.isdir() or any(_is_hidden(part) for part in parts):
                    continue
                if (suffix := Path(parts[-1]).suffix.lower()) not in SUFFIXES:
                    ignored[suffix or "no suffix"] += 1
                    continue
                problem = "" if member.isreg() and not member.issparse() else "is a link in a tar"
                # As in unpacking, the last of several members with the same name counts.
                found[parts] = ImageFile(parts, path, member.offset_data, member.size, problem)
    except tarfile.ReadError as error:
        raise PrepareError(
            f"{flag}={path}: not a whole uncompressed tar ({error}); unpack other archives first"
        ) from error
    return list(found.values())
