"""The training loop, the same for every family."""

import contextlib
import dataclasses
from typing import Any

from absl import logging

from bigbigan_jax.checkpoints import CheckpointError, Checkpoints
from bigbigan_jax.preemption import Preemption
from bigbigan_jax.training.inputs import abstract_batch_of, batches_of
from bigbigan_jax.training.judging import Judging
from bigbigan_jax.training.programs import compile_update
from bigbigan_jax.training.reporter import Reporter
from bigbigan_jax.training.resident import images_of
from bigbigan_jax.training.run import Run


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
      CheckpointError: the checkpoints cannot be continued, or another process is training in the
        workdir.
      TrainingDiverged: too many steps in a row were not finite.
      bigbigan_jax.data.DataError: too many images are damaged.
    """
    config, programs, key = run.config, run.programs, run.key()
    at_once = config.training.steps_at_once
    with run.alone(), run.checkpoints() as checkpoints, Preemption() as preemption:
        state, start = _restore_or_init(run, checkpoints)
        judging = Judging(run, checkpoints, preemption)
        judging.pin_last_good()
        if start and judging.missing(start):  # a stop cut it short
            with (
                contextlib.closing(batches_of(run, start)) as batches,
                Reporter(run, start) as reporter,
            ):
                batch, _ = next(batches)
                if not judging(start, state, images_of(batch), reporter):
                    return Outcome(state, start, preempted=True)
        if start >= config.steps:
            return Outcome(state, start, preempted=False)
        update, seconds = compile_update(programs, run.mesh, abstract_batch_of(run))
        with (
            contextlib.closing(batches_of(run, start)) as batches,
            Reporter(run, start) as reporter,
        ):
            reporter.progress.note(f"compiled the training step in {seconds:.0f} s")
            overdue = False
            for step in range(start + at_once, config.steps + 1, at_once):
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
                    metrics |= programs.monitor(state, {"image": images_of(batch)}, key)
                reporter.step_done(step, metrics)
                if save:
                    # For who loads the model. When told to stop there is no time to compile that.
                    statistics = None
                    if not stop:
                        statistics = programs.evaluation_statistics(state, images_of(batch), key)
                    overdue = not _save(run, checkpoints, step, state, reporter.flush(), statistics)
                if step == config.steps or step % config.log.sheets_every == 0:
                    reporter.write_sheets(step, state, images_of(batch))
                if due and not overdue:  # a state is saved before it is judged
                    judged = judging(step, state, images_of(batch), reporter)
                if stop or not judged:
                    break
            early = stop and step < config.steps or not judged
            return Outcome(state, step, preempted=early)


def _restore_or_init(run: Run, checkpoints: Checkpoints) -> tuple[Any, int]:
    restored = checkpoints.restore(run.programs.state)
    if restored is None:
        return run.initial_state(), 0
    state, _ = restored
    step, at_once = int(state.step), run.config.training.steps_at_once
    if (run.config.steps - step) % at_once:
        raise CheckpointError(
            f"config.training.steps_at_once is {at_once}, but the newest checkpoint is of step "
            f"{step}: from there config.steps, {run.config.steps}, is no multiple of it away"
        )
    return state, step


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
