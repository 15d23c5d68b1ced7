"""The training loop, the same for every family."""

import contextlib
import dataclasses
from collections import deque
from collections.abc import Generator
from typing import Any

import jax
import numpy as np
from absl import logging

from bigbigan_jax.checkpoints import Checkpoints
from bigbigan_jax.data import AUGMENTATIONS, training_batches
from bigbigan_jax.mesh import shard_batches
from bigbigan_jax.training.judging import Judging
from bigbigan_jax.training.preemption import Preemption
from bigbigan_jax.training.programs import abstract_state, compile_update
from bigbigan_jax.training.reporter import Reporter
from bigbigan_jax.training.run import Run

BATCHES_AHEAD = 2  # steps' worth of images on their way to the device


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
      state: the last state.
      step: number of finished steps.
      preempted: whether it was told to stop early, and should be started again.
    """

    state: Any
    step: int
    preempted: bool


def train(run: Run) -> Outcome:
    """Trains up to `config.steps`, from the newest checkpoint in the workdir if there is one.

    Raises:
      CheckpointError: the checkpoints cannot be continued.
      TrainingDiverged: too many steps in a row were not finite.
      bigbigan_jax.data.DataError: too many images are damaged.
    """
    config, family = run.config, run.family
    programs, key = run.programs, run.key()
    with run.checkpoints() as checkpoints, Preemption() as preemption:
        state, start = _restore_or_init(run, checkpoints)
        judging = Judging(run, checkpoints, preemption)
        judging.pin_last_good()
        if start and judging.missing(start):  # a stop cut it short
            with (
                contextlib.closing(_batches(run, start)) as batches,
                Reporter(run, start) as reporter,
            ):
                batch, _ = next(batches)
                if not judging(start, state, batch["image"], reporter):
                    return Outcome(state, start, preempted=True)
        if start >= config.steps:
            return Outcome(state, start, preempted=False)
        update, seconds = compile_update(programs, family, config.batch_size, run.mesh)
        with (
            contextlib.closing(_batches(run, start)) as batches,
            Reporter(run, start) as reporter,
        ):
            reporter.progress.note(f"compiled the training step in {seconds:.0f} s")
            overdue = False
            for step in range(start + 1, config.steps + 1):
                with reporter.progress.waiting_for_data():
                    batch, damaged = next(batches)
                reporter.images_taken(step, damaged)
                state, metrics = update(state, batch, key)

                stop, judged = preemption.reached(), True
                last = stop or step == config.steps
                due = not stop and judging.is_due(step)
                save = last or overdue or due or step % config.checkpoint.every == 0
                judge = save and not stop and config.checkpoint.best_metric
                if judge or step % config.log.monitor_every == 0:
                    metrics |= programs.monitor(state, batch, key)
                reporter.step_done(step, metrics)
                if save:
                    # For who loads the model. When told to stop there is no time to compile that.
                    statistics = None
                    if not stop:
                        statistics = programs.evaluation_statistics(state, batch["image"], key)
                    overdue = not _save(run, checkpoints, step, state, reporter.flush(), statistics)
                if step == config.steps or step % config.log.sheets_every == 0:
                    reporter.write_sheets(step, state, batch)
                if due and not overdue:  # a state is saved before it is judged
                    judged = judging(step, state, batch["image"], reporter)
                if stop or not judged:
                    break
            early = stop and step < config.steps or not judged
            return Outcome(state, step, preempted=early)


def _restore_or_init(run: Run, checkpoints: Checkpoints) -> tuple[Any, int]:
    restored = checkpoints.restore(abstract_state(run.family, run.mesh))
    if restored is None:
        return run.initial_state(), 0
    state, _ = restored
    return state, int(state.step)


def _batches(run: Run, start: int) -> Generator[tuple[dict[str, jax.Array], int], None, None]:
    """Batches from step `start` on, on the devices ahead of their use.

    With each comes how many images of this host's part are stand-ins for damaged ones.
    """
    config, family = run.config, run.family
    on_host = training_batches(
        run.source,
        image_size=family.image_size,
        channels=family.image_channels,
        augmentation=AUGMENTATIONS[config.data.augmentation],
        batch_size=config.batch_size,
        batches_per_step=family.batches_per_step,
        seed=config.seed,
        start_step=start,
        host=jax.process_index(),
        hosts=jax.process_count(),
        workers=config.data.workers,
    )
    ahead = deque()
    with contextlib.closing(on_host):
        for batch in on_host:
            damaged = int(np.count_nonzero(batch["damaged"]))
            ahead.append((shard_batches({"image": batch["image"]}, run.mesh), damaged))
            if len(ahead) == BATCHES_AHEAD:
                yield ahead.popleft()


def _save(
    run: Run,
    checkpoints: Checkpoints,
    step: int,
    state: Any,
    metrics: dict[str, float],
    statistics: Any,
) -> bool:
    """Saves unless the step was not finite: what made it so may be in the state already."""
    if metrics["skipped_in_a_row"]:
        logging.warning("step %d was not finite: no checkpoint of it is saved", step)
        return False
    checkpoints.save(step, state, run.metadata, metrics, statistics)
    return True
