"""Reads a model out of a workdir of training, or out of one exported file."""

import math
import os
from typing import Any, Literal

from absl import logging
from etils import epath

from bigbigan_jax.checkpoints import absolute
from bigbigan_jax.checkpoints.evaluations import weights_number
from bigbigan_jax.checkpoints.reader import (
    CheckpointError,
    Damaged,
    read_items,
    read_record,
    steps_in,
)
from bigbigan_jax.hub.errors import LoadError
from bigbigan_jax.hub.exported import SUFFIX, read_exported
from bigbigan_jax.hub.model import Model
from bigbigan_jax.hub.variables import (
    abstract_feature_moments,
    abstract_variables,
    on_local_devices,
)
from bigbigan_jax.models.architectures import build_networks
from bigbigan_jax.models.networks import Networks
from bigbigan_jax.models.standing_statistics import without_weights

Step = int | Literal["best"] | None


def load(path: str | os.PathLike[str], step: Step = None) -> Model:
    """Loads a trained model. Neither its configuration file nor its data are needed.

    Args:
      path: a workdir of training, local or gs://, or a .safetensors file of `export`.
      step: of the checkpoint: a number; "best" for the best by the metric by which the run kept
        one; None for the newest that is whole.

    Raises:
      LoadError: there is no such model, or it is damaged.
    """
    if os.fspath(path).endswith(SUFFIX):
        if step is not None:
            raise LoadError(f"{path}: an exported model has no steps to choose from")
        return read_exported(path)
    steps = checkpoint_steps(path)
    folder = absolute(path) / "checkpoints"
    if step is None:
        return _newest(folder, steps)
    if step == "best":
        step = _best(folder, steps)
    if step not in steps:
        raise LoadError(f"{folder}: no checkpoint of step {step}; there are {_listed(steps)}")
    try:
        return _read(folder / str(step))
    except (Damaged, CheckpointError, _NoStatistics) as error:
        raise LoadError(f"{folder / str(step)}: cannot be read: {error}") from error


def checkpoint_steps(workdir: str | os.PathLike[str]) -> list[int]:
    """The steps of the checkpoints in a workdir, ascending.

    Raises:
      LoadError: there are none.
    """
    workdir = absolute(workdir)
    steps = steps_in(workdir / "checkpoints")
    if not steps:
        raise LoadError(
            f"{workdir}: no checkpoints in there; give the --workdir of a training run that has "
            "saved one"
        )
    return steps


class _NoStatistics(Exception):
    """A checkpoint that was saved in haste."""


def _newest(folder: epath.Path, steps: list[int]) -> Model:
    for step in reversed(steps):
        try:
            return _read(folder / str(step))
        except (Damaged, _NoStatistics) as reason:
            logging.warning("%s: an older one is taken: %s", folder / str(step), reason)
        except CheckpointError as error:
            raise LoadError(f"{folder / str(step)}: cannot be read: {error}") from error
    raise LoadError(
        f"{folder}: no checkpoint can be used, each is damaged or without statistics: "
        f"{_listed(steps)}"
    )


def _best(folder: epath.Path, steps: list[int]) -> int:
    records = {}
    for step in steps:
        try:
            records[step] = read_record(folder / str(step))
        except (Damaged, CheckpointError) as error:
            logging.warning("%s: no metrics: %s", folder / str(step), error)
    if not records:
        raise LoadError(f"{folder}: no checkpoint there has a readable record")
    options = records[max(records)]["metadata"]["config"]["checkpoint"]
    metric, choose = options["best_metric"], min if options["best_mode"] == "min" else max
    if not metric:
        raise LoadError(
            f"{folder}: this run kept no best (config.checkpoint.best_metric is empty); give a "
            f"step: {_listed(steps)}"
        )
    scores = {step: record["metrics"].get(metric) for step, record in records.items()}
    scores = {
        step: score for step, score in scores.items() if score is not None and math.isfinite(score)
    }
    if not scores:
        raise LoadError(f"{folder}: no checkpoint there has the metric {metric!r}")
    return choose(scores, key=scores.__getitem__)


def _read(folder: epath.Path) -> Model:
    record = read_record(folder)
    if not any(path.startswith("statistics.") for path, *_ in record["leaves"]):
        raise _NoStatistics("saved when the run was told to stop, without statistics to use it by")
    metadata = record["metadata"]
    networks = build_networks(metadata["config"]["model"])
    averaged = any(path.startswith("state.ema.") for path, *_ in record["leaves"])
    items = read_items(folder, record, _targets(networks, averaged), partly=True)
    state, statistics = items["state"], dict(items["statistics"])
    weights = {**state["params"], **state.get("ema", {})}
    variables = {net: {"params": weights[net], **statistics.get(net, {})} for net in weights}
    if "spectral" in state:
        variables["discriminator"]["spectral"] = state["spectral"]["discriminator"]
    about = {
        "model": metadata["config"]["model"],
        "step": int(folder.name),
        "metrics": record["metrics"],
        "versions": metadata["versions"],
        "weights": weights_number(record["leaves"]),
        "source": str(folder),
    }
    return Model(networks, variables, statistics.get("features", {}), about)


def _targets(networks: Networks, averaged: bool) -> dict[str, Any]:
    """What of a checkpoint makes a model; of G and E the averaged weights, where there are any."""
    variables = abstract_variables(networks)
    weights = {network: collections["params"] for network, collections in variables.items()}
    of_d = {name: weights.pop(name) for name in ("discriminator",) if name in weights}
    state = {"ema": weights, "params": of_d} if averaged else {"params": weights | of_d}
    statistics = without_weights(variables)
    # D is the one network of training, not of evaluation: its spectral vectors are in the state.
    if spectral := statistics.get("discriminator", {}).pop("spectral", None):
        state["spectral"] = {"discriminator": spectral}
    if moments := abstract_feature_moments(networks):
        statistics["features"] = moments
    statistics = {name: value for name, value in statistics.items() if value}
    return on_local_devices({"state": state, "statistics": statistics})


def _listed(steps: list[int]) -> str:
    shown = ", ".join(map(str, steps[-5:]))
    return f"{shown} and {len(steps) - 5} earlier" if len(steps) > 5 else shown
