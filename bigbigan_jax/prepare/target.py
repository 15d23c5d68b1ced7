"""The folder that a prepared set goes to: its name, its lock, its disk, and what lies there."""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from bigbigan_jax.locks import held
from bigbigan_jax.prepare.errors import PrepareError

_RESERVED = ("digits",)  # opened from scikit-learn, whatever data_dir holds
_SPARE = 1 << 30  # bytes to leave free


def local_data_dir(data_dir: str | None) -> Path:
    """Returns the folder of prepared sets: the given one, or TensorFlow Datasets' default.

    Raises:
      PrepareError: if it is no folder of this machine.
    """
    data_dir = data_dir or os.fspath(tfds.core.constants.DATA_DIR)
    if "://" in data_dir:
        raise PrepareError(
            f"--data_dir={data_dir}: data is prepared in a local folder; copy it to a bucket "
            "afterwards"
        )
    path = Path(data_dir).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise PrepareError(f"--data_dir={path}: this is a file, not a folder")
    return path


def check_new_name(name: str) -> None:
    """Refuses a name that a new set cannot have.

    Raises:
      PrepareError: if TensorFlow Datasets would not read it as a name, or knows a set of this name
        and would look for that one.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise PrepareError(
            f"--name={name}: a name is lower-case letters, digits and _, and starts with a letter, "
            "such as my_photographs"
        )
    if name in _RESERVED or name in tfds.list_builders(with_community_datasets=False):
        raise PrepareError(
            f"--name={name}: a known data set is called so, and would be looked for in its place; "
            f"take another name, such as my_{name}"
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes a folder and keeps other processes that prepare into it out, until the block ends.

    The folder is removed again if it is empty then.

    Raises:
      PrepareError: if another process is at it, or the folder cannot be made.
    """
    with contextlib.ExitStack() as ending:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            ending.callback(_remove_if_empty, folder)
            ending.enter_context(held(folder / ".prepare.lock"))
        except BlockingIOError as error:
            raise PrepareError(f"another process is preparing into {folder}") from error
        except OSError as error:
            raise PrepareError(f"cannot write to {folder}: {error.strerror}") from error
        yield


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_leftovers(folder: Path, idle: float = 0.0) -> None:
    """Removes what tries of TensorFlow Datasets left in a folder when they were killed.

    Prints how much it was.

    Args:
      folder: where versions of a set lie; may be missing.
      idle: leftovers in which something changed in the last so many seconds stay, as another
        process may be at work in them.
    """
    for left in sorted(folder.glob(f"{tfds.core.constants.INCOMPLETE_PREFIX}*")):
        files = [path for path in (left, *left.rglob("*")) if path.exists()]
        age = time.time() - max(path.stat().st_mtime for path in files)
        if age < idle:
            print(f"leaving {left} alone: it changed {age:.0f} s ago, maybe by a running process")
            continue
        size = size_of(left)
        shutil.rmtree(left)
        print(f"removed what an earlier try left: {left} ({in_words(size)})")


def size_of(folder: Path) -> int:
    """Returns the bytes of all files below a folder, which may be changing meanwhile."""
    total = 0
    for above, _, names in os.walk(folder):  # unlike Path.rglob, it minds no folder that vanishes
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(above, name)).st_size
    return total


def check_space(folder: Path, needed: int, reason: str) -> None:
    """Refuses to start what would fill the disk.

    Args:
      folder: where data will be written; it or a folder above it exists.
      needed: bytes.
      reason: what takes so much.

    Raises:
      PrepareError: if fewer bytes than that, and a spare gibibyte, are free.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed + _SPARE:
        raise PrepareError(
            f"the disk of {folder} has {in_words(free)} free, and {in_words(needed + _SPARE)} are "
            f"needed: {reason}"
        )


def in_words(size: int) -> str:
    """Returns a number of bytes for people, such as "1.5 GiB"."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
