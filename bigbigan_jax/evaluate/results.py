"""What an evaluation found, with all that the numbers depend on: as a table, and on disk."""

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any

from absl import logging
from etils import epath
from tensorboardX import SummaryWriter

from bigbigan_jax.checkpoints.reader import EVALUATION_METRICS, write_later_metrics
from bigbigan_jax.evaluate.scoring import Score
from bigbigan_jax.scores import metric_name


@dataclasses.dataclass(frozen=True)
class Result:
    """Scores of one set of images against one reference.

    Attributes:
      reference: name of the reference, such as "train".
      truncation: of z; None for none.
      scores: by name.
      protocol: all that the numbers depend on, in words and numbers for JSON.
    """

    reference: str
    truncation: float | None
    scores: dict[str, Score]
    protocol: dict[str, Any]

    @property
    def column(self) -> str:
        """What a table calls it."""
        suffix = "" if self.truncation is None else f", truncation {self.truncation:g}"
        return self.reference + suffix

    def metrics(self) -> dict[str, float]:
        """The values by the names they have among the metrics of a checkpoint."""
        return {
            metric_name(name, self.reference): score.value for name, score in self.scores.items()
        }

    def as_json(self) -> dict[str, Any]:
        """For JSON, which has no NaN."""
        scores = {
            name: {"value": score.value}
            | ({} if math.isnan(score.spread) else {"spread": score.spread})
            for name, score in self.scores.items()
        }
        return {
            "reference": self.reference,
            "truncation": self.truncation,
            "scores": scores,
            "protocol": self.protocol,
        }


def as_table(results: Sequence[Result]) -> str:
    """A line for each score, a column for each result, and below what they depend on."""
    names = list(dict.fromkeys(name for result in results for name in result.scores))
    lines = [["", *(result.column for result in results)]]
    lines += [[name, *(_cell(result.scores.get(name)) for result in results)] for name in names]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    common = {
        name: value
        for name, value in results[0].protocol.items()
        if all(result.protocol.get(name) == value for result in results)
    }
    table += ["", *(f"{name}: {value}" for name, value in common.items())]
    for result in results:
        apart = {name: v for name, v in result.protocol.items() if name not in common}
        table += [f"{result.column}, {name}: {value}" for name, value in apart.items()]
    return "\n".join(table)


def _cell(score: Score | None) -> str:
    if score is None:
        return ""
    return f"{score.value:.4g}" + ("" if math.isnan(score.spread) else f" ± {score.spread:.2g}")


def are_known(workdir: epath.Path, step: int, protocols: Sequence[dict[str, Any]]) -> bool:
    """Whether a checkpoint has been scored by these protocols."""
    file = _file(workdir, step)
    if not file.exists():
        return False
    try:
        found = [result["protocol"] for result in json.loads(file.read_text())["results"]]
    except (ValueError, KeyError, TypeError) as error:
        logging.warning("%s is damaged (%r); the checkpoint is scored anew", file, error)
        return False
    return all(json.loads(json.dumps(protocol)) in found for protocol in protocols)


def of_workdir(workdir: epath.Path) -> dict[int, list[dict[str, Any]]]:
    """By step, what is known of the checkpoints of a workdir, as `Result.as_json` has it."""
    files = sorted((workdir / "evaluations").glob("*.json"))
    return {int(file.stem): json.loads(file.read_text())["results"] for file in files}


def record(workdir: epath.Path, step: int, results: Sequence[Result]) -> None:
    """Writes results of a checkpoint to where one looks for them.

    All go to `evaluations/<step>.json`, where those of other protocols stay; those without
    truncation also to TensorBoard and among the metrics of the checkpoint, by which the best is
    chosen.
    """
    metrics = {}
    for result in results:
        metrics |= result.metrics() if result.truncation is None else {}
    rows = [result.as_json() for result in results]
    file = _file(workdir, step)
    if file.exists():
        protocols = [row["protocol"] for row in json.loads(json.dumps(rows))]
        earlier = json.loads(file.read_text())["results"]
        rows = [row for row in earlier if row["protocol"] not in protocols] + rows
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"step": step, "results": rows}, indent=1) + "\n")
    partial.replace(file)
    try:
        write_later_metrics(workdir / "checkpoints" / str(step), metrics, EVALUATION_METRICS)
    except OSError as error:
        logging.warning("the checkpoint of step %d is gone: %s", step, error)
    with SummaryWriter(str(workdir / "tensorboard")) as board:
        for name, value in metrics.items():
            board.add_scalar(name, value, step)


def _file(workdir: epath.Path, step: int) -> epath.Path:
    return workdir / "evaluations" / f"{step:07d}.json"
