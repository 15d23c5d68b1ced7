"""Checkpoints of one run: asynchronous, verified when read, set aside when damaged."""

import contextlib
import itertools
import math
import os
from collections.abc import Callable, Iterator
from typing import Any, Literal

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from etils import epath
from jax.experimental import multihost_utils

from bigbigan_jax.checkpoints.checksum import checksums, seal
from bigbigan_jax.checkpoints.policy import keep_policy
from bigbigan_jax.checkpoints.reader import (
    CheckpointError,
    Damaged,
    first_line,
    leaf_table,
    named_leaves,
    read_items,
    read_record,
    read_record_alone,
    write_later_metrics,
)

# Of an array that is whole on every device, each writes a slice, unless that were smaller: a slice
# is a program and a transfer of its own, and a state has a thousand arrays of a few kilobytes.
_SMALLEST_SLICE = 64 * 1024  # bytes


class Checkpoints:
    """The checkpoints of one run, in `workdir/checkpoints/<number of finished updates>`.

    Kept are the last `keep_last`, every step divisible by `keep_every`, the best by the metric
    `best_metric`, and the one that is pinned. With several processes, all make the same calls, on a
    shared folder.
    """

    def __init__(
        self,
        workdir: str | os.PathLike[str],
        *,
        keep_last: int,
        keep_every: int | None,
        best_metric: str | None = None,
        best_mode: Literal["min", "max"] = "min",
    ):
        workdir = absolute(workdir)
        self._directory = workdir / "checkpoints"
        self._damaged = workdir / "checkpoints_damaged"
        self._best_metric = best_metric
        self._scores: dict[int, float] = {}
        self._pinned: set[int] = set()
        self._cleaned = False
        keep = keep_policy(keep_last, keep_every, self._scores, best_mode, self._pinned)
        # Not cleanup_tmp_directories: whoever opened the folder only to read would delete what
        # a running training is just writing. Our first save cleans up instead.
        options = ocp.CheckpointManagerOptions(create=False, preservation_policy=keep)
        self._manager = ocp.CheckpointManager(
            self._directory, options=options, item_handlers=_item_handlers()
        )
        self._note_scores()

    def save(
        self,
        step: int,
        state: Any,
        metadata: dict[str, Any],
        metrics: dict[str, float] | None = None,
        statistics: Any = None,
    ) -> None:
        """Starts saving; returns once the arrays may be donated, before they are on disk.

        A save that is still being written is waited for first.

        Args:
          step: number of finished updates, greater than that of any checkpoint.
          state: pytree of jax.Arrays, with any sharding on one mesh.
          metadata: JSON-able; `restore` and `metadata` give it back.
          metrics: by name; without a finite `best_metric` the step cannot become the best.
          statistics: pytree of jax.Arrays that using the model takes besides its weights; training
            goes on without.

        Raises:
          CheckpointError: the step is not a new latest one, a leaf is not a jax.Array, or the
            save before this one failed.
          TypeError: the metadata are not JSON-able.
        """
        self._remove_unfinished()
        folder, latest = self._folder(step), self.latest_step()
        # Orbax would return False for a step it knows and overwrite one it does not know.
        if folder.exists() or (latest is not None and step <= latest):
            raise CheckpointError(
                f"{folder}: there is a checkpoint of step {max(step, latest or 0)} already; only "
                "a later step can be saved, or use another --workdir"
            )
        items = {"state": state} | ({} if statistics is None else {"statistics": statistics})
        for path, leaf in named_leaves(items):
            if not isinstance(leaf, jax.Array):
                raise CheckpointError(f"{folder}: {path} is {type(leaf)}, must be a jax.Array")
        sums = checksums(items)
        self.wait()
        metrics = {name: float(value) for name, value in (metrics or {}).items()}
        record = {"metadata": metadata, "metrics": metrics, "leaves": leaf_table(items, sums)}
        self._note_score(step, metrics)
        self._note_scores()
        arguments = {name: ocp.args.PyTreeSave(item) for name, item in items.items()}
        arguments["record"] = ocp.args.JsonSave(seal(record))
        with _reported(f"{folder}: not saved"):
            self._manager.save(step, args=ocp.args.Composite(**arguments), force=True)

    def add_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Adds metrics to a checkpoint that was saved before they were found.

        Args:
          step: of the checkpoint.
          metrics: by name; those that are not finite are left out.

        Raises:
          CheckpointError: they cannot be written, or the save before failed.
        """
        self.wait()
        metrics = {name: float(v) for name, v in metrics.items() if math.isfinite(v)}
        if jax.process_index() == 0:
            with _reported(f"{self._folder(step)}: metrics not written"):
                write_later_metrics(self._folder(step), metrics)
        self._note_score(step, metrics)

    def pin(self, step: int) -> None:
        """Keeps a step, whatever else is kept, until another is pinned."""
        self._pinned.clear()
        self._pinned.add(step)

    def metrics(self, step: int) -> dict[str, float]:
        """The metrics of a checkpoint; raises CheckpointError if there is no such whole one."""
        self.wait()
        return self._explicit(step, read_record)["metrics"]

    def restore(self, target: Any, step: int | None = None) -> tuple[Any, dict[str, Any]] | None:
        """Restores the newest undamaged checkpoint, or that of `step`.

        Damaged ones met on the way from the newest are moved to `workdir/checkpoints_damaged`
        with a warning. One that was asked for by `step` is not moved.

        Args:
          target: pytree of jax.ShapeDtypeStructs or arrays: the shapes and dtypes that must be
            there, and the shardings to restore to (the default device where there is none).

        Returns:
          (state like `target`, metadata), or None when there is no checkpoint.

        Raises:
          CheckpointError: the checkpoint has other leaves, shapes or dtypes than `target`;
            `step` is missing or damaged; or all there were are damaged.
        """
        self.wait()
        if step is not None:
            return self._explicit(step, lambda folder: _read_state(folder, target))
        for candidate in reversed(self.steps()):
            try:
                return _read_state(self._folder(candidate), target)
            except Damaged as damage:
                self._quarantine(candidate, damage)
        # Also after a relaunch, or an automatic one would start the run anew.
        if self._damaged.exists() and any(self._damaged.iterdir()):
            raise CheckpointError(
                f"{self._directory}: all checkpoints were damaged and are in {self._damaged} now; "
                "move a good one back, or remove that folder to start anew"
            )
        return None

    def metadata(self, step: int | None = None) -> dict[str, Any] | None:
        """Returns the metadata of `step`, or of the newest checkpoint whose record is readable.

        No arrays are read. None when `step` is None and there is no checkpoint.

        Raises:
          CheckpointError: `step` is missing or its record damaged, or all records are damaged.
        """
        self.wait()
        if step is not None:
            return self._explicit(step, read_record)["metadata"]
        for candidate in reversed(self.steps()):
            try:
                return read_record(self._folder(candidate))["metadata"]
            except Damaged as damage:
                logging.warning("%s: no metadata: %s", self._folder(candidate), damage)
        if self.steps():
            raise CheckpointError(
                f"{self._directory}: no checkpoint there has a readable record; move them away to "
                "start anew, or use another --workdir"
            )
        return None

    def steps(self) -> list[int]:
        """The steps there are, ascending, with damaged ones and the one being written."""
        return sorted(self._manager.all_steps())

    def latest_step(self) -> int | None:
        """The last of `steps`, or None."""
        return max(self.steps(), default=None)

    def wait(self) -> None:
        """Waits until the last save is on disk; raises CheckpointError if it failed."""
        with _reported(f"{self._directory}: the last save failed"):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits as `wait` does and ends the threads."""
        self.wait()
        self._manager.close()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _folder(self, step: int) -> epath.Path:
        return self._directory / str(step)

    def _note_score(self, step: int, metrics: dict[str, float]) -> None:
        score = metrics.get(self._best_metric, math.nan)
        if math.isfinite(score):
            self._scores[step] = score

    def _note_scores(self) -> None:
        """Takes the scores of checkpoints without one, found since the last save."""
        # The same in all processes: scores come from what they share.
        steps = [step for step in self.steps() if step not in self._scores]
        if self._best_metric is None or not steps:
            return
        found = np.full(len(steps), np.nan)
        if jax.process_index() == 0:
            for place, step in enumerate(steps):
                try:
                    metrics = read_record_alone(self._folder(step))["metrics"]
                    found[place] = metrics.get(self._best_metric, np.nan)
                except Exception as error:  # it has no score; restore is where it is set aside
                    logging.warning("%s: no metrics: %s", self._folder(step), first_line(error))
        if jax.process_count() > 1:  # all must keep the same checkpoints
            sent = multihost_utils.broadcast_one_to_all(found.view(np.uint32))
            found = np.asarray(sent).view(np.float64)
        for step, score in zip(steps, found, strict=True):
            self._note_score(step, {self._best_metric: float(score)})

    def _explicit(self, step: int, read: Callable[[epath.Path], Any]) -> Any:
        folder = self._folder(step)
        if step not in self.steps():
            raise CheckpointError(f"{folder}: no such checkpoint; there are steps {self.steps()}")
        try:
            return read(folder)
        except Damaged as damage:
            raise CheckpointError(f"{folder}: damaged, take another step: {damage}") from damage

    def _quarantine(self, step: int, damage: Damaged) -> None:
        """Moves a checkpoint to a new folder beside the others; nothing is ever deleted."""
        if jax.process_index() == 0:
            self._damaged.mkdir(parents=True, exist_ok=True)
            name = f"{step}_{damage.kind}"
            names = itertools.chain([name], (f"{name}_{n}" for n in itertools.count(2)))
            moved = next(self._damaged / n for n in names if not (self._damaged / n).exists())
            self._folder(step).rename(moved)
            logging.warning("%s is damaged (%s); moved to %s", self._folder(step), damage, moved)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"checkpoint {step} set aside")
        self._scores.pop(step, None)
        self._manager.reload()

    def _remove_unfinished(self) -> None:
        """Before the first save: removes what a killed run left half written."""
        if self._cleaned:
            return
        self._cleaned = True
        if jax.process_index() == 0 and self._directory.exists():
            for path in self._directory.iterdir():
                if ocp.utils.is_tmp_checkpoint(path):
                    logging.warning("removing the unfinished checkpoint %s", path)
                    path.rmtree()
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("unfinished checkpoints removed")


def absolute(workdir: str | os.PathLike[str]) -> epath.Path:
    """A folder's absolute path, "~" resolved; "gs://…" and the like stay as they are."""
    text = os.fspath(workdir)
    return epath.Path(text if "://" in text else os.path.abspath(os.path.expanduser(text)))


def _item_handlers() -> dict[str, ocp.CheckpointHandler]:
    arrays = ocp.type_handlers.ArrayHandler(min_slice_bytes_for_replica_parallel=_SMALLEST_SLICE)
    registry = ocp.type_handlers.create_type_handler_registry((jax.Array, arrays))
    return {
        "state": ocp.PyTreeCheckpointHandler(type_handler_registry=registry),
        "statistics": ocp.PyTreeCheckpointHandler(type_handler_registry=registry),
        "record": ocp.JsonCheckpointHandler(),
    }


def _read_state(folder: epath.Path, target: Any) -> tuple[Any, dict[str, Any]]:
    record = read_record(folder)
    return read_items(folder, record, {"state": target})["state"], record["metadata"]


@contextlib.contextmanager
def _reported(message: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise CheckpointError(f"{message}: {first_line(error)}") from error
