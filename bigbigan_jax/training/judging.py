"""When the evaluations of a run are called, and where what they find goes."""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
from absl import logging

from bigbigan_jax.checkpoints import CheckpointError, Checkpoints
from bigbigan_jax.preemption import Preemption
from bigbigan_jax.training.evaluations import Evaluation
from bigbigan_jax.training.reporter import Reporter
from bigbigan_jax.training.run import Run


@dataclasses.dataclass(frozen=True)
class Judging:
    """Judges states that are saved: what is found is added to their checkpoints.

    So no judge can lose a state, and what a stop cuts short is known to be missing.

    Attributes:
      run: with evaluations.
      checkpoints: of the run.
      preemption: tells when to stop.
    """

    run: Run
    checkpoints: Checkpoints
    preemption: Preemption

    def is_due(self, step: int) -> bool:
        """Whether the state after so many steps is to be judged."""
        return bool(self._due(step))

    def missing(self, step: int) -> list[Evaluation]:
        """Evaluations that are due at a step, and of which its checkpoint does not know."""
        if not self._due(step):
            return []
        found = self.checkpoints.metrics(step)
        return [each for each in self._due(step) if not found.keys() >= {*each.metrics}]

    def __call__(self, step: int, state: Any, images: jax.Array, reporter: Reporter) -> bool:
        """Makes up for what is missing.

        Args:
          step: of a checkpoint.
          state: that it holds.
          images: uint8 [N, B, H, W, C], for the statistics of BatchNorm.
          reporter: has flushed the metrics of the step.

        Returns:
          False if a stop cut it short.
        """
        for evaluation in self.missing(step):
            with reporter.progress.standing_still():
                metrics = evaluation(state, images, self.run.key(), self.preemption.reached)
            if not metrics:
                return False
            self.checkpoints.add_metrics(step, metrics)
            reporter.judged(step, metrics)
            self._check(evaluation, step, metrics)
        return True

    def pin_last_good(self) -> None:
        """Keeps the newest good checkpoint of a run that goes on."""
        known = self._known() if self.run.evaluations else {}
        for evaluation in self.run.evaluations:
            good = evaluation.last_good(known)
            if good is not None:
                self.checkpoints.pin(good)

    def _known(self) -> dict[int, dict[str, float]]:
        """By step, the metrics of the checkpoints that are whole."""
        found = {}
        for step in self.checkpoints.steps():
            with contextlib.suppress(CheckpointError):
                found[step] = self.checkpoints.metrics(step)
        return found

    def _check(self, evaluation: Evaluation, step: int, metrics: Mapping[str, float]) -> None:
        """Keeps the newest good checkpoint; raises an alarm if this one is not."""
        # Other processes may not see yet what process 0 has just written.
        good = evaluation.last_good({**self._known(), step: metrics})
        if good is None:
            return
        self.checkpoints.pin(good)
        if good != step:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            logging.warning(
                "step %d: %s: the samples may have collapsed; the last good checkpoint is that of "
                "step %d, which is kept",
                step,
                shown,
                good,
            )

    def _due(self, step: int) -> list[Evaluation]:
        return [each for each in self.run.evaluations if step % each.every == 0]
