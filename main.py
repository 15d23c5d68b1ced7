"""Trains a model: python main.py --config=configs/digits.py --workdir=DIR.

Any field of the configuration is a flag: --config.batch_size=512. Run the same line again to go
on from the newest checkpoint in the workdir. Exit codes: 0 done, 42 preempted after saving (start
it again), 1 and 2 an error that starting again does not mend.
"""

import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.command_line import parse_flags
from bigbigan_jax.config import ConfigError
from bigbigan_jax.data import DataError
from bigbigan_jax.evaluate.report import print_report
from bigbigan_jax.preemption import PREEMPTED
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.processes import ProcessesError, check_alone, join_processes
from bigbigan_jax.training.reporter import TrainingDiverged
from bigbigan_jax.training.run import prepare_run

_CONFIG = config_flags.DEFINE_config_file("config", None, "File that defines get_config().")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder for checkpoints, metrics and sheets; local or gs://."
)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "One of several processes, e.g. one on every host of a TPU slice."
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "host:port of process 0; found by itself on TPU, Slurm and others."
)
_PROCESSES = flags.DEFINE_integer("processes", None, "Number of processes, with --coordinator.")
_PROCESS = flags.DEFINE_integer("process", None, "Number of this process, with --coordinator.")
_START_TIMEOUT = flags.DEFINE_integer(
    "start_timeout", 300, "Seconds to wait for the other processes, with --distributed.", 1
)


def main(argv: Sequence[str]) -> int:
    """Trains, then prints where everything is and how good it is."""
    del argv
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Orbax tells every detail of a save
    try:
        if _DISTRIBUTED.value:
            process = (_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
            join_processes(*process, timeout=_START_TIMEOUT.value)
        else:
            check_alone()
        run = prepare_run(_CONFIG.value, _WORKDIR.value)
        outcome = train(run)
    except (ConfigError, DataError, CheckpointError, ProcessesError, TrainingDiverged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if outcome.preempted:
        print(f"preempted after step {outcome.step}; start again to go on", file=sys.stderr)
        return PREEMPTED
    print_report(run, outcome)
    return 0


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
