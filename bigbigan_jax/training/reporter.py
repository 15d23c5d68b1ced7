"""What a run shows while it trains: metrics, progress, sheets."""

import collections
import contextlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from bigbigan_jax import sheets
from bigbigan_jax.data import evaluation_batches
from bigbigan_jax.training.damage import DamageCount
from bigbigan_jax.training.metrics_log import MetricsLog
from bigbigan_jax.training.progress import Progress
from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.run import Run

SHEET_SAMPLES = 64
SHEET_RECONSTRUCTIONS = 32


class TrainingDiverged(RuntimeError):
    """Too many steps in a row were not finite."""


class Reporter:
    """Takes the metrics of every step and writes those that are due.

    All processes have one and make the same calls; only process 0 writes. Metrics are read from
    the device some programs late, so that reading them never makes the device wait; programs of
    many steps are only one late, as all that are on their way must end before a stop.
    """

    LATE = 2

    def __init__(self, run: Run, start: int):
        """Opens the logs of a run that has finished `start` steps."""
        config = run.config
        self._run = run
        self._is_writer = jax.process_index() == 0
        self._log = MetricsLog(run.workdir, start) if self._is_writer else None
        self._pending = collections.deque()
        images = config.batch_size * run.family.batches_per_step
        self._damage = DamageCount(images, config.data.max_damaged_share)
        self.progress = Progress(
            start, config.steps, images, run.mesh.devices.size, self._is_writer
        )

    def images_taken(self, step: int, damaged: int) -> None:
        """Takes how many of this process's images of a step were replaced for damage.

        Raises:
          bigbigan_jax.data.DataError: too many were, so far.
        """
        self._damage.add(damaged)
        if jax.process_count() == 1 or self._is_due(step):
            self._damage.check()

    def step_done(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        """Takes the metrics of a step just dispatched, the last of its program.

        Raises:
          TrainingDiverged: as found in the metrics that were due.
        """
        self._pending.append((step, metrics))
        at_once = self._run.config.training.steps_at_once
        self.progress.steps_done(at_once)
        late = 1 if at_once > 1 else self.LATE
        while len(self._pending) > late:
            self._report(*self._pending.popleft())

    def flush(self) -> dict[str, float]:
        """Reports all steps so far; returns the metrics of the last."""
        *earlier, (step, metrics) = self._pending
        for pending in earlier:
            self._report(*pending)
        self._pending.clear()
        self._report(step, metrics)
        return _floats(metrics)

    def _report(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        jax.block_until_ready(metrics)
        config = self._run.config
        if self._is_due(step):
            self._write(step, _floats(metrics))
        in_a_row = int(jax.device_get(metrics["skipped_in_a_row"]))
        limit = config.training.max_skipped_in_a_row
        if in_a_row >= limit:
            raise TrainingDiverged(
                f"the last {in_a_row} steps up to {step} had losses or gradients that are not "
                f"finite (training.max_skipped_in_a_row is {limit}); no checkpoint holds them"
            )

    def _is_due(self, step: int) -> bool:
        config = self._run.config
        return step == config.steps or not (
            step % config.log.every and step % config.log.monitor_every
        )

    def _write(self, step: int, scalars: dict[str, float]) -> None:
        scalars["skipped_share"] = scalars["skipped"] / step
        scalars["damaged_images"] = self._damage.total
        scalars |= self.progress.rates(step)
        if self._log:
            self._log.scalars(step, scalars)
        self.progress.show(step, scalars)

    def judged(self, step: int, metrics: Mapping[str, float]) -> None:
        """Takes what an evaluation found of a step whose metrics are flushed."""
        if self._log:
            self._log.scalars(step, metrics)
        found = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.progress.note(f"after step {step}: {found}")

    def write_sheets(self, step: int, state: Any, images: jax.Array) -> None:
        """Writes `sheets/samples_<step>.png` and, with an encoder, `reconstructions_<step>.png`.

        Args:
          step: number of finished steps.
          state: after it.
          images: [N, B, H, W, C], uint8, for the statistics of BatchNorm.
        """
        run, programs = self._run, self._run.programs
        key = stream(run.key(), "sheets")  # the same z at every step
        variables = programs.evaluation_variables(state, images, key)
        made = {"samples": sheets.grid(np.asarray(programs.sample(variables, key, SHEET_SAMPLES)))}
        if run.family.has_encoder:
            held_out = self._sheet_images()
            made["reconstructions"] = sheets.pairs(
                held_out, np.asarray(programs.reconstruct(variables, held_out))
            )
        if self._log:
            for name, sheet in made.items():
                sheets.write_png(sheet_path(run, name, step), sheet)
                self._log.image(step, name, sheet)

    def _sheet_images(self) -> np.ndarray:
        """The first held-out images, or the first training images where none are held out."""
        run = self._run
        batches = evaluation_batches(
            run.eval_source or run.source,
            image_size=run.family.image_size,
            channels=run.family.image_channels,
            batch_size=SHEET_RECONSTRUCTIONS,
        )
        with contextlib.closing(batches):
            return next(batches)["image"]

    def close(self) -> None:
        """Closes the logs."""
        self.progress.close()
        if self._log:
            self._log.close()

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def sheet_path(run: Run, name: str, step: int):
    """Where the sheet `name` of a step is."""
    return run.workdir / "sheets" / f"{name}_{step:07d}.png"


def _floats(metrics: Mapping[str, jax.Array]) -> dict[str, float]:
    return {name: float(value) for name, value in jax.device_get(metrics).items()}
