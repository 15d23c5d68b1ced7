"""One row of a table by one seed: trained to its end, then measured."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.config import ConfigError
from bigbigan_jax.evaluate.labels import LabelScores
from bigbigan_jax.hub import load
from bigbigan_jax.preemption import Stopped
from bigbigan_jax.probe.protocols import one_nn
from bigbigan_jax.probe.sets import extracted_sets
from bigbigan_jax.progress import tracked
from bigbigan_jax.table.errors import TableError
from bigbigan_jax.training.loop import Outcome, train
from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.reporter import TrainingDiverged
from bigbigan_jax.training.run import Run, prepare_run

RESULT = "table.json"  # in the workdir of a row, what was measured of it

Result = dict[str, Any]


def checked_run(name: str, config: ConfigDict, workdir: Path) -> Run:
    """The run of a row, about to start.

    Args:
      name: of the row, for messages.
      config: of the row.
      workdir: of its run.

    Raises:
      TableError: the configuration is wrong, or the workdir is another run's.
      bigbigan_jax.data.DataError: there is no such data set.
    """
    try:
        return prepare_run(config, workdir)
    except (ConfigError, CheckpointError) as error:
        raise TableError(f"row {name}: {error}") from error


def result_of(name: str, run: Run) -> Result:
    """Trains a row from where it is, measures it, and keeps the result in its workdir.

    Args:
      name: of the row, for messages.
      run: of the row.

    Returns:
      "1-NN" and "1-NN, E(x)", accuracies in percent by the layer before E's output, or D's features
      where there is no E, and by E's output; "label kept", the share of held-out images whose label
      their reconstruction keeps, in percent; "steps".

    Raises:
      TableError: the row cannot be trained.
      bigbigan_jax.preemption.Stopped: training was told to stop.
      bigbigan_jax.data.DataError: too many images are damaged.
    """
    workdir = Path(run.workdir)
    known = read_result(workdir)
    if known and known["steps"] == run.config.steps:
        return known
    try:
        outcome = train(run)
    except (CheckpointError, TrainingDiverged) as error:
        raise TableError(f"row {name}: {error}") from error
    if outcome.preempted:
        raise Stopped
    result = {"steps": outcome.step, **_accuracies(run, workdir), **_labels(run, outcome)}
    partial = workdir / f"{RESULT}.partial"
    partial.write_text(json.dumps(result, indent=1) + "\n")
    partial.replace(workdir / RESULT)
    return result


def read_result(workdir: Path) -> Result | None:
    """What was measured of a row, if it was."""
    file = workdir / RESULT
    return json.loads(file.read_text()) if file.exists() else None


def _accuracies(run: Run, workdir: Path) -> Result:
    data, model = run.config.data, load(workdir)

    def accuracy(kind: str, layer: str = "avepool_feat") -> float:
        sets = extracted_sets(
            model,
            kind,
            data.name,
            data.data_dir or None,
            data.eval_split,
            workdir / "features",
            layer=layer,
        )
        return 100 * one_nn(sets, _shown)[0]["top-1"]

    if not run.family.has_encoder:
        return {"1-NN": accuracy("discriminator")}
    return {"1-NN": accuracy("trained"), "1-NN, E(x)": accuracy("trained", "z_mean")}


def _labels(run: Run, outcome: Outcome) -> Result:
    if not run.family.has_encoder:
        return {}
    score = LabelScores(
        run.family, run.programs, run.source, run.eval_source, run.config.batch_size
    )
    scores = score(outcome.state, stream(run.key(), "scores"))
    return {"label kept": 100 * scores["label_kept"]}


def _shown(numbers: Sequence[int], text: str, unit: str) -> Any:
    return tracked(numbers, len(numbers), text, unit=unit)
