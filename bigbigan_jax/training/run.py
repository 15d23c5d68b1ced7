"""What a run needs, put together and checked before anything expensive starts."""

import contextlib
import dataclasses
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from absl import logging
from etils import epath
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from ml_collections import ConfigDict

from bigbigan_jax.checkpoints import CheckpointError, Checkpoints, absolute
from bigbigan_jax.config import ConfigError, validate
from bigbigan_jax.data import Source, open_source
from bigbigan_jax.locks import held
from bigbigan_jax.mesh import data_mesh, replicated
from bigbigan_jax.scores import is_metric_name
from bigbigan_jax.training.bigan import BiGAN
from bigbigan_jax.training.bigbigan import BigBiGAN
from bigbigan_jax.training.evaluations import Evaluation
from bigbigan_jax.training.family import Family
from bigbigan_jax.training.fid_watch import FidWatch
from bigbigan_jax.training.probing import Probing
from bigbigan_jax.training.programs import Programs, abstract_batch, abstract_key
from bigbigan_jax.training.run_metadata import check_resumable, run_metadata


@dataclasses.dataclass(frozen=True)
class Run:
    """A run about to start.

    Attributes:
      config: validated.
      workdir: absolute, or gs://; holds checkpoints, metrics and sheets.
      mesh: of all devices.
      family: what is trained.
      programs: the family's methods, jitted.
      source: training images.
      eval_source: images held out; None where the configuration names none.
      evaluations: what judges it now and then.
      metadata: what every checkpoint says about the run.
    """

    config: ConfigDict
    workdir: epath.Path
    mesh: Mesh
    family: Family
    programs: Programs
    source: Source
    eval_source: Source | None
    evaluations: tuple[Evaluation, ...]
    metadata: dict

    def key(self) -> jax.Array:
        """The random key of the run, on all devices."""
        seed = self.config.seed
        return jax.jit(lambda: jax.random.key(seed), out_shardings=replicated(self.mesh))()

    def initial_state(self):
        """The state before the first step, on all devices."""
        return self.programs.init(self.key())

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other trainings out of the workdir, unless it is on gs://.

        Raises:
          CheckpointError: one is at work in it.
        """
        with contextlib.ExitStack() as ending:
            if jax.process_index() == 0 and "://" not in str(self.workdir):
                try:
                    ending.enter_context(held(Path(self.workdir) / ".training.lock"))
                except BlockingIOError as error:
                    raise CheckpointError(
                        f"--workdir={self.workdir}: another process is training in it; stop that "
                        "one first, or use another folder"
                    ) from error
            yield

    def checkpoints(self) -> Checkpoints:
        """The checkpoints of this run; to be closed."""
        options = self.config.checkpoint
        return Checkpoints(
            self.workdir,
            keep_last=options.keep_last,
            keep_every=options.keep_every or None,
            best_metric=options.best_metric or None,
            best_mode=options.best_mode,
        )


def build_family(config: ConfigDict) -> Family:
    """The family that `config.family` names."""
    families = {"bigbigan": BigBiGAN, "bigan": BiGAN}
    return families[config.family].from_config(config.to_dict())


def check_batch_size(config: ConfigDict, devices: int) -> None:
    """Checks that the devices can share a batch.

    Raises:
      ConfigError: names the sizes nearby that they can.
    """
    parts = config.training.get("gradient_accumulation", 1)
    if config.batch_size % (devices * parts):
        times = f" times training.gradient_accumulation, {parts}" if parts > 1 else ""
        below = config.batch_size // (devices * parts) * devices * parts
        near = " or ".join(str(size) for size in (below, below + devices * parts) if size)
        raise ConfigError(
            f"config.batch_size is {config.batch_size}; it must be a multiple of the number of "
            f"devices, {devices}{times}, such as {near}"
        )


def prepare_run(config: ConfigDict, workdir: str | os.PathLike[str]) -> Run:
    """Checks the configuration, the data and the workdir against each other.

    Writes `run.json`, which tells a later start whose workdir this is.

    Raises:
      ConfigError: a field of the configuration is wrong.
      bigbigan_jax.data.DataError: there are no such images.
      CheckpointError: the workdir belongs to a run of another model or data set, is not shared by
        all hosts, or another process is training in it.
    """
    validate(config)
    check_batch_size(config, jax.device_count())
    data_dir = config.data.data_dir or None
    source = open_source(config.data.name, config.data.split, data_dir)
    eval_source = None
    if config.data.eval_split:
        eval_source = open_source(config.data.name, config.data.eval_split, data_dir)
    family = build_family(config)
    if "labels" in config.scores and (
        not family.has_encoder or eval_source is None or eval_source.num_classes is None
    ):
        raise ConfigError(
            "config.scores has 'labels', which needs an encoder, a data set with labels and "
            "data.eval_split"
        )
    mesh = data_mesh()
    workdir = absolute(workdir)
    metadata = run_metadata(config.to_dict(), source.fingerprint)
    programs = Programs.of(family, mesh)
    evaluations = []
    if config.probe.every:
        evaluations.append(Probing.from_config(config.to_dict(), family, programs, mesh))
    if config.fid.every and (
        watch := FidWatch.from_config(config.to_dict(), family, programs, mesh, source)
    ):
        evaluations.append(watch)
    run = Run(
        config,
        workdir,
        mesh,
        family,
        programs,
        source,
        eval_source,
        tuple(evaluations),
        metadata,
    )
    _check_best_metric(run)
    _claim_workdir(run)
    return run


def _check_best_metric(run: Run) -> None:
    best = run.config.checkpoint.best_metric
    if not best:
        return
    # The jitted methods and the shardings of the run: unless the images stay on the devices, what
    # is traced here is not traced again.
    state, key = run.programs.state, abstract_key(run.mesh)
    batch = abstract_batch(run.family, run.config.batch_size, run.mesh)
    _, metrics = run.programs.update.eval_shape(state, batch, key)
    found = [name for evaluation in run.evaluations for name in evaluation.metrics]
    names = sorted({*metrics, *run.programs.monitor.eval_shape(state, batch, key), *found})
    if best in names:
        return
    if is_metric_name(best):
        logging.info("the best by %s is kept as far as a job beside this run finds it", best)
    else:
        raise ConfigError(
            f"config.checkpoint.best_metric is {best!r}; this run has {', '.join(names)}, and "
            "`python -m bigbigan_jax.evaluate --watch` beside it such as fid_2048/train"
        )


def _claim_workdir(run: Run) -> None:
    path = run.workdir / "run.json"
    if jax.process_count() > 1:
        _check_hosts_agree(run, path)
    if path.exists():
        for line in _differences(run, _read_json(path)):
            logging.warning("differs from the run in %s: %s", run.workdir, line)
    with run.checkpoints() as checkpoints:
        saved = checkpoints.metadata() if checkpoints.steps() else None
    if saved is not None:
        _differences(run, saved)
    if jax.process_index() == 0:
        run.workdir.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with run.alone():
            partial.write_text(json.dumps(run.metadata, indent=2) + "\n")
            partial.replace(path)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("workdir claimed")
        if not np.all(multihost_utils.process_allgather(np.asarray(path.exists()))):
            raise CheckpointError(
                f"--workdir={run.workdir} is not shared: process 0 wrote {path}, which another "
                "process does not see; use a folder that all hosts reach, such as gs://…"
            )


def _check_hosts_agree(run: Run, path: epath.Path) -> None:
    """All processes must take the same turns from here on, or they would wait for each other."""
    seen = [json.dumps(run.metadata), path.read_text() if path.exists() else ""]
    # This gather also makes process 0 wait with its writing until all have looked.
    views = multihost_utils.process_allgather(np.array([zlib.crc32(s.encode()) for s in seen]))
    own, workdir = (len(np.unique(column)) == 1 for column in views.T)
    if not own:
        raise ConfigError("the processes have different configurations, data or versions")
    if not workdir:
        raise CheckpointError(
            f"--workdir={run.workdir} is not shared: {path} is not the same for all processes; use "
            "a folder that all hosts reach, such as gs://…"
        )


def _differences(run: Run, saved: dict) -> list[str]:
    try:
        return check_resumable(saved, run.metadata)
    except CheckpointError as error:
        raise CheckpointError(f"--workdir={run.workdir} is another run's: {error}") from error


def _read_json(path: epath.Path) -> dict:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise CheckpointError(
            f"{path}: not JSON ({error}); remove it if its run's checkpoints are to be continued"
        ) from error
