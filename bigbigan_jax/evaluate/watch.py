"""Follows a training run and scores its checkpoints as they come."""

import sys
import time
from collections.abc import Callable

from etils import epath
from orbax.checkpoint.utils import is_tmp_checkpoint

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.checkpoints.reader import Damaged, read_record, steps_in
from bigbigan_jax.hub import LoadError, Model, load

POLL = 30.0  # seconds


def watch(workdir: epath.Path, score: Callable[[Model], None], poll: float = POLL) -> None:
    """Scores each checkpoint, oldest first, until that of the run's last step has been scored.

    A run that ends early leaves it waiting.

    Args:
      workdir: of the run, which may not have begun.
      score: scores a model.
      poll: seconds between two looks.
    """
    folder, done, refused = workdir / "checkpoints", set(), set()
    if not steps_in(folder):
        print(f"waiting for checkpoints in {folder}", file=sys.stderr)
    while True:
        # On object stores a checkpoint has its name before it is whole.
        steps = [s for s in steps_in(folder) if not is_tmp_checkpoint(folder / str(s))]
        for step in sorted({*steps} - done):
            try:
                model = load(workdir, step)
            except LoadError as error:  # saved in haste, damaged, removed, or out of reach
                if step not in refused:
                    print(f"not scored for now: {error}", file=sys.stderr)
                refused.add(step)
                continue
            score(model)
            done.add(step)
        if steps and steps[-1] in done and _is_last(folder / str(steps[-1])):
            return
        time.sleep(poll)


def _is_last(folder: epath.Path) -> bool:
    try:
        steps = read_record(folder)["metadata"]["config"]["steps"]
    except (Damaged, CheckpointError):
        return False
    return int(folder.name) >= steps
