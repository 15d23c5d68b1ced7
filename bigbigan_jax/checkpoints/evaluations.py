"""What a job beside training finds out about checkpoints: `evaluations/*.json` in the workdir.

In a folder of its own, because training deletes checkpoints whenever it likes. A file is named by
the step and by the weights: a step that is trained once more is another model.
"""

import json
import math
import os
import zlib
from typing import Any

from absl import logging
from etils import epath


def weights_number(leaves: list[list[Any]]) -> int:
    """A number that other weights do not have, from the leaf table of a checkpoint's record."""
    return zlib.crc32(json.dumps(leaves).encode())


def evaluations_in(workdir: epath.Path) -> list[epath.Path]:
    """The files of a workdir, in the order of their steps."""
    return sorted((workdir / "evaluations").glob("*_*.json"))


def evaluation_file(workdir: epath.Path, step: int, weights: int) -> epath.Path:
    """Where evaluations of a checkpoint are."""
    return workdir / "evaluations" / f"{step:07d}_{weights:08x}.json"


def read_evaluations(file: epath.Path) -> dict[str, Any] | None:
    """What a file holds: {"step", "metrics", "results"}; None if it is missing or damaged."""
    try:
        found = json.loads(file.read_text())
        if {"step", "metrics", "results"} <= found.keys():
            found["metrics"] = {name: float(value) for name, value in found["metrics"].items()}
            return found
        problem = "fields are missing"
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        problem = repr(error)
    logging.warning("%s is damaged: %s", file, problem)
    return None


def write_evaluations(file: epath.Path, evaluations: dict[str, Any]) -> None:
    """Writes what `read_evaluations` reads; a damaged file that is in the way is set aside."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and read_evaluations(file) is None:
        file.rename(file.with_suffix(f".damaged{os.getpid()}"))
    partial = file.with_suffix(f".partial{os.getpid()}")
    partial.write_text(json.dumps(evaluations, indent=1) + "\n")
    partial.replace(file)


def evaluation_metrics(folder: epath.Path, leaves: list[list[Any]]) -> dict[str, float]:
    """The metrics found for the checkpoint in a folder, by name."""
    file = evaluation_file(folder.parent.parent, int(folder.name), weights_number(leaves))
    metrics = (read_evaluations(file) or {"metrics": {}})["metrics"]
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
