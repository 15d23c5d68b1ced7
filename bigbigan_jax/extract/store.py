"""A folder with the features of the images of one split.

`NAME.npy` has a row for each image, in the order of the data set, and is made at its full size at
once; `labels.npy` is there where the set has labels; `about.json` says of which model and which
data they are. `done_I_of_N.json` says how many rows of part I are written, so that N processes, on
one machine or several, can fill one folder, and each can go on where it was stopped.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bigbigan_jax.errors import UserError
from bigbigan_jax.locks import held

LABELS = "labels"
_ABOUT = "about.json"


class StoreError(UserError, RuntimeError):
    """Says in one line what is wrong with a folder of features, and what to do."""


class Store:
    """Such a folder, to be written.

    To be left by `with`, for others to write the same part.

    Attributes:
      folder: where it is.
      part: (I, N): the I-th of N equal parts of the rows is written here.
      rows: the range of these rows.
      done: how many of them are written.
    """

    def __init__(
        self,
        folder: Path,
        about: Mapping[str, Any],
        shapes: Mapping[str, tuple[int, ...]],
        dtypes: Mapping[str, Any],
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Makes the folder and its files, or opens them.

        Args:
          folder: where; made if it is not there.
          about: JSON-able; the same whenever the folder is opened.
          shapes: of the arrays, by name, all with as many rows.
          dtypes: likewise.
          part: (I, N), 0 <= I < N.

        Raises:
          StoreError: there are features of something else in there, or another process is writing
            this part.
        """
        self.folder, self.part = folder, part
        about = json.loads(json.dumps({**about, "arrays": _described(shapes, dtypes)}))
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as ending:
            try:
                ending.enter_context(held(folder / ".lock_{}_of_{}".format(*part)))
            except BlockingIOError as error:
                raise StoreError(f"{folder}: another process is writing there") from error
            self._open(about, shapes, dtypes)
            self._ending = ending.pop_all()

    def _open(
        self, about: dict[str, Any], shapes: Mapping[str, Any], dtypes: Mapping[str, Any]
    ) -> None:
        folder = self.folder
        # In this order: another process may be making both, the arrays last.
        arrays = any(folder.glob("*.npy"))
        if not (folder / _ABOUT).exists():
            if arrays:
                raise StoreError(f"{folder}: there are .npy files in there; choose another folder")
            _create(folder / _ABOUT, lambda file: file.write_text(json.dumps(about, indent=1)))
        there = read_about(folder)
        if there != about:
            differ = [name for name in about if there.get(name) != about[name]]
            raise StoreError(
                f"{folder}: has features of something else (other {', '.join(differ)}); choose "
                "another folder"
            )
        self._arrays = {
            name: _open_rows(folder / f"{name}.npy", shape, dtypes[name])
            for name, shape in shapes.items()
        }
        total = next(iter(shapes.values()))[0]
        index, parts = self.part
        self.rows = range(total * index // parts, total * (index + 1) // parts)
        self.done = _rows_done(self._record)

    def write(self, rows: Mapping[str, np.ndarray]) -> None:
        """Writes the next rows of each array, and notes them as done."""
        first = self.rows.start + self.done
        count = len(next(iter(rows.values())))
        for name, values in rows.items():
            self._arrays[name][first : first + count] = values
            self._arrays[name].flush()
        self.done += count
        unfinished = self._record.with_suffix(".unfinished")
        with unfinished.open("w") as file:
            json.dump({"rows": self.done}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._record)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.close()

    @property
    def _record(self) -> Path:
        return self.folder / "done_{}_of_{}.json".format(*self.part)


def read_about(folder: Path) -> dict[str, Any]:
    """What the features in a folder are of.

    Raises:
      StoreError: it is no such folder.
    """
    try:
        return json.loads((folder / _ABOUT).read_text())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{folder}: no features in there ({_ABOUT} cannot be read); make them with "
            "python -m bigbigan_jax.extract"
        ) from error


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays in a folder, mapped into memory.

    Raises:
      StoreError: it is no such folder, or not all rows are written.
    """
    arrays = read_about(folder)["arrays"]
    total = next(iter(arrays.values()))["shape"][0]
    done = {}
    for record in folder.glob("done_*_of_*.json"):
        parts = int(record.stem.split("_")[3])
        done[parts] = done.get(parts, 0) + _rows_done(record)
    most = max(done.values(), default=0)
    if most < total:
        raise StoreError(
            f"{folder}: {most:,} of {total:,} rows are written; run bigbigan_jax.extract again to "
            "finish it"
        )
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays}


def _described(shapes: Mapping[str, Any], dtypes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"shape": shape, "dtype": str(np.dtype(dtypes[name]))}
        for name, shape in shapes.items()
    }


def _rows_done(record: Path) -> int:
    try:
        return json.loads(record.read_text())["rows"] if record.exists() else 0
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{record}: damaged; remove it to write its part again") from error


def _open_rows(path: Path, shape: tuple[int, ...], dtype: Any) -> np.memmap:
    def make(file: Path) -> None:
        np.lib.format.open_memmap(file, "w+", dtype, shape).flush()
        if hasattr(os, "posix_fallocate"):
            # Else a full disk would end the process at some row, without a word.
            with file.open("r+b") as rows:
                os.posix_fallocate(rows.fileno(), 0, file.stat().st_size)

    if not path.exists():
        _create(path, make)
    return np.lib.format.open_memmap(path, "r+")


def _create(path: Path, make: Any) -> None:
    """Makes a file under another name and gives it its own, unless another process did already."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        make(unfinished)
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink(missing_ok=True)
