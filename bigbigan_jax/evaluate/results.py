"""What an evaluation found, with all that the numbers depend on: as a table, and on disk."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from etils import epath
from tensorboardX import SummaryWriter

from bigbigan_jax.checkpoints.evaluations import (
    evaluation_file,
    read_evaluations,
    write_evaluations,
)
from bigbigan_jax.evaluate.scoring import Score
from bigbigan_jax.reports import aligned
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
    table = aligned(lines)
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


def are_known(file: epath.Path, protocols: Sequence[dict[str, Any]]) -> bool:
    """Whether all these protocols are among the results in a file of `evaluation_file`."""
    found = [result["protocol"] for result in _results(file)]
    return all(protocol in found for protocol in protocols)


def record(workdir: epath.Path, step: int, weights: int, results: Sequence[Result]) -> None:
    """Writes results of a checkpoint to where one looks for them: `evaluations/` and TensorBoard.

    Results by other protocols stay. Those without truncation are among the metrics of the
    checkpoint, by which the best is chosen: of several, the one of the most samples.
    """
    file = evaluation_file(workdir, step, weights)
    protocols = [result.protocol for result in results]
    rows = [row for row in _results(file) if row["protocol"] not in protocols]
    rows += [result.as_json() for result in results]
    metrics = {}
    for row in sorted(rows, key=lambda row: row["protocol"]["samples"]):
        for name, score in row["scores"].items() if row["truncation"] is None else ():
            metrics[metric_name(name, row["reference"])] = score["value"]
    write_evaluations(file, {"step": step, "metrics": metrics, "results": rows})
    # Not in the folder of the training's events: TensorBoard follows one writer a folder.
    with SummaryWriter(str(workdir / "tensorboard" / "evaluation")) as board:
        for name, value in metrics.items():
            board.add_scalar(name, value, step)


def _results(file: epath.Path) -> list[dict[str, Any]]:
    return (read_evaluations(file) or {"results": []})["results"]
