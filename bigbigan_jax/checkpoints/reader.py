"""Reads one checkpoint folder, and tells damage from a different model and from bad luck.

A folder holds the items `state` and `statistics`, arrays as Orbax writes them, and
`record/metadata`, a sealed JSON record with the run's metadata, the metrics and, for each array,
[path, dtype, shape, checksum]; the path begins with the item.
"""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from jax.experimental import multihost_utils

from bigbigan_jax.checkpoints.checksum import checksums, unseal
from bigbigan_jax.checkpoints.evaluations import evaluation_metrics

T = TypeVar("T")

# Failures that say nothing about the files: full memory, no permission, no connection.
_NOT_DAMAGE = (
    MemoryError,
    PermissionError,
    ImportError,
    AttributeError,
    jax.errors.JaxRuntimeError,
)
_NOT_DAMAGE_STATUS = re.compile(
    r"PERMISSION_DENIED|UNAUTHENTICATED|UNAVAILABLE|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|CANCELLED"
)

LATER_METRICS = "record/later_metrics.json"  # in the folder of a checkpoint


class CheckpointError(RuntimeError):
    """Says in one line which checkpoint or leaf is wrong and what would be right."""


class Damaged(Exception):
    """The files are not what was saved; `kind` is one word for the name of a folder."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


def leaf_table(state: Any, sums: jax.Array) -> list[list[Any]]:
    """Returns [path, dtype, shape, checksum] for each leaf, `sums` being `checksums(state)`."""
    return [
        [path, str(leaf.dtype), list(leaf.shape), int(checksum)]
        for (path, leaf), checksum in zip(named_leaves(state), np.asarray(sums), strict=True)
    ]


def named_leaves(tree: Any) -> list[tuple[str, Any]]:
    """Returns (dotted path, leaf) for each leaf."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator="."), leaf) for path, leaf in leaves]


def steps_in(directory: epath.Path) -> list[int]:
    """The steps of the checkpoints in a folder, ascending; none if there is no such folder."""
    if not directory.exists():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())


def read_record(folder: epath.Path) -> dict[str, Any]:
    """Returns {"metadata", "metrics", "leaves"}; raises as `_agreed`."""
    return _agreed(folder, lambda: read_record_alone(folder))


def read_record_alone(folder: epath.Path) -> dict[str, Any]:
    """The same in one process; raises whatever reading raises."""
    record = unseal(json.loads((folder / "record" / "metadata").read_text()))
    metrics = record["metrics"] | _read_later_metrics(folder)
    return record | {"metrics": metrics | evaluation_metrics(folder, record["leaves"])}


def write_later_metrics(folder: epath.Path, metrics: dict[str, float]) -> None:
    """Puts metrics that training found after a checkpoint was saved beside its record."""
    file = folder / LATER_METRICS
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(_read_later_metrics(folder) | metrics))
    partial.replace(file)


def _read_later_metrics(folder: epath.Path) -> dict[str, float]:
    file = folder / LATER_METRICS
    return json.loads(file.read_text()) if file.exists() else {}


def read_items(
    folder: epath.Path, record: dict[str, Any], targets: dict[str, Any], *, partly: bool = False
) -> dict[str, Any]:
    """Reads items of a checkpoint.

    Args:
      folder: of the checkpoint.
      record: of `read_record`.
      targets: by item, a pytree of jax.ShapeDtypeStructs or arrays: the shapes and dtypes that must
        be there, and the shardings to restore to (the default device where there is none).
      partly: whether the items may hold leaves that the targets have not.

    Returns:
      The items, like `targets`.

    Raises:
      CheckpointError: the leaves differ from those of `targets`, or reading failed for a reason
        that is not the files'.
      Damaged: the files are not what was saved.
    """
    targets = _abstract(folder, targets)
    saved = [row for row in record["leaves"] if row[0].split(".")[0] in targets]
    _check_leaves(folder, saved, targets, partly)
    items = {name: _read_item(folder, name, target) for name, target in targets.items()}
    checksum_of = {path: checksum for path, *_, checksum in saved}
    for path, _, _, checksum in leaf_table(items, checksums(items)):
        if checksum != checksum_of[path]:
            raise Damaged("checksum", f"the checksum of {path} differs from the one saved")
    return items


def _read_item(folder: epath.Path, name: str, target: Any) -> Any:
    # The handler, not the manager: the manager's restore ends in a barrier, where the other
    # processes would wait for ever for one that met a damaged file.
    handler = ocp.PyTreeCheckpointHandler()
    args = ocp.args.PyTreeRestore(
        item=target,
        restore_args=ocp.checkpoint_utils.construct_restore_args(target),
        partial_restore=True,  # which leaves there are has been checked before
    )
    return _agreed(folder, lambda: handler.restore(folder / name, args=args))


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 300 characters of it."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _agreed(folder: epath.Path, read: Callable[[], T]) -> T:
    """Calls `read` in every process; raises in all of them if it failed in any.

    Raises:
      Damaged: some process could not read the files as what was saved.
      CheckpointError: some process failed for a reason that is not the files'.
    """
    result, failure, verdict = None, None, 0
    try:
        result = read()
    except Exception as error:  # TensorStore's failures reach us as bare Exceptions
        failure, verdict = error, 1 if _speaks_of_damage(error) else 2
    if jax.process_count() > 1:
        verdict = int(multihost_utils.process_allgather(np.int32(verdict)).max())
    reason = "another process failed" if failure is None else first_line(failure)
    if verdict == 1:
        raise Damaged("unreadable", reason) from failure
    if verdict == 2:
        raise CheckpointError(f"{folder}: not read, though it may be whole: {reason}") from failure
    return result


def _speaks_of_damage(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, _NOT_DAMAGE) or _NOT_DAMAGE_STATUS.search(str(error)):
            return False
        error = error.__cause__ or error.__context__
    return True


def _abstract(folder: epath.Path, target: Any) -> Any:
    """`target` as ShapeDtypeStructs that all have a sharding, one that fits the shape."""
    default = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    leaves = []
    for path, leaf in named_leaves(target):
        sharding = getattr(leaf, "sharding", None) or default
        try:
            sharding.shard_shape(leaf.shape)  # else Orbax fails on it, which looks like damage
        except ValueError as error:
            raise CheckpointError(f"{folder}: cannot shard {path}: {first_line(error)}") from error
        leaves.append(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding))
    return jax.tree.unflatten(jax.tree.structure(target), leaves)


def _check_leaves(
    folder: epath.Path, table: list[list[Any]], targets: dict[str, Any], partly: bool
) -> None:
    # Orbax casts another dtype silently, and reports another structure as it does damage.
    saved = {path: f"{dtype}{shape}" for path, dtype, shape, _ in table}
    wanted = {path: f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in named_leaves(targets)}
    for path in [*wanted, *([] if partly else saved)]:
        was, now = saved.get(path, "no such leaf"), wanted.get(path, "no such leaf")
        if was != now:
            raise CheckpointError(
                f"{folder}: {path}: checkpoint has {was}, model has {now}; use the "
                "configuration it was saved with"
            )
