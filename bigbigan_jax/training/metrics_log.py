"""Metrics on disk: `metrics.jsonl`, the source of truth, and TensorBoard beside it."""

import json
import math
from collections.abc import Mapping

import numpy as np
from etils import epath
from tensorboardX import SummaryWriter


class MetricsLog:
    """Writes one line of scalars at a time; lines past the step one resumes at are dropped.

    Only process 0 of a run may have one.
    """

    def __init__(self, workdir: epath.Path, start_step: int):
        """Opens the log of a run.

        Args:
          workdir: of the run; local or gs://.
          start_step: number of finished steps that the run starts from.
        """
        self._path = workdir / "metrics.jsonl"
        # Object stores cannot append: there the whole file is written again.
        self._is_local = "://" not in str(workdir)
        self._lines = self._lines_until(start_step)
        self._write_all()
        self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=start_step + 1)

    def _lines_until(self, step: int) -> list[str]:
        if not self._path.exists():
            return []
        kept = []
        for line in self._path.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue  # a line that a killed run left half written
        return kept

    def _write_all(self) -> None:
        # By way of another file: a run killed here must find its old lines again.
        partial = self._path.with_suffix(".partial")
        partial.write_text("".join(self._lines))
        partial.replace(self._path)

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes the scalars of a step; what is not finite becomes null in the JSON."""
        finite = {name: v if math.isfinite(v) else None for name, v in scalars.items()}
        line = json.dumps({"step": step, **finite}) + "\n"
        self._lines.append(line)
        if self._is_local:
            with self._path.open("a") as file:
                file.write(line)
        else:
            self._write_all()
        for name, value in scalars.items():
            self._board.add_scalar(name, value, step)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Puts a uint8 image [H, W, 3] on the board."""
        self._board.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Ends the board's thread."""
        self._board.close()

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
