"""launch/slurm.sh with programs in place of srun and scontrol."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "launch" / "slurm.sh"
FLAGS = ("--config=configs/small.py", "--workdir=/shared/my run")

SRUN = """#!/bin/bash
printf '%s\\n' "$@" >srun-arguments
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""

SCONTROL = """#!/bin/bash
echo "$@" >>requeued
[[ ! -e scontrol-fails ]]
"""

MAIN = """
import os, signal, time
from pathlib import Path

code = Path("code").read_text()
signal.signal(signal.SIGTERM, lambda *_: os._exit(42))
print("training", flush=True)
while code == "wait":
    time.sleep(0.01)
os._exit(int(code))
"""


class Job:
    """A job on one node of two GPUs, in a checkout of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in {"main.py": MAIN, "bin/srun": SRUN, "bin/scontrol": SCONTROL}.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        self.script = shutil.copy(SCRIPT, folder / "spooled")  # where Slurm runs it from

    def start(self, *flags: str, code: str, **environment: str) -> subprocess.Popen:
        (self.folder / "code").write_text(code)
        slurm = {
            "SLURM_JOB_ID": "7",
            "SLURM_SUBMIT_DIR": str(self.folder),
            "SLURM_GPUS_ON_NODE": "2",
            "SLURM_NTASKS_PER_NODE": "2",
            "SLURM_CPUS_PER_TASK": "8",
        }
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        ours = {"PATH": path, "PYTHON": sys.executable, "LAUNCH_SHORT_SECONDS": "0"}
        return subprocess.Popen(
            ["bash", self.script, *flags],
            env={**os.environ, **slurm, **ours, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen) -> tuple[int, str]:
        """Exit code and stderr."""
        try:
            _, err = process.communicate(timeout=300)
        finally:
            process.kill()
        return process.returncode, err

    def requeued(self) -> str:
        path = self.folder / "requeued"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def test_main_runs_on_every_gpu_of_every_node(job):
    code, err = job.finish(job.start(*FLAGS, "--config.steps=3", code="0"))
    assert (code, err, job.requeued()) == (0, "", "")
    arguments = (job.folder / "srun-arguments").read_text().splitlines()
    program = arguments.index(sys.executable)
    assert arguments[program:] == [
        *(sys.executable, "main.py", *FLAGS),
        *("--config.steps=3", "--distributed"),
    ]
    # All processes end with 42 together, but one may be first: it must not end the others.
    assert "--kill-on-bad-exit=0" in arguments[:program]
    # JAX takes the GPU with the local number of the task: it has to see them all.
    assert "--gpu-bind=none" in arguments[:program]
    assert "--cpus-per-task=8" in arguments[:program]


def test_42_queues_the_job_again(job):
    code, err = job.finish(job.start(*FLAGS, code="42"))
    assert (code, job.requeued()) == (42, "requeue 7\n")
    assert "saved; queueing job 7 again" in err


@pytest.mark.parametrize("code", [1, 2, 137])
def test_other_codes_end_the_job(job, code):
    assert job.finish(job.start(*FLAGS, code=str(code)))[0] == code
    assert job.requeued() == ""


def test_the_signal_before_the_time_limit_is_for_main_alone():
    lines = SCRIPT.read_text().splitlines()
    assert "#SBATCH --signal=TERM@300" in lines  # "B:" would send it to the shell
    assert "#SBATCH --requeue" in lines
    commands = next(n for n, line in enumerate(lines) if line and line[0] != "#")
    assert not any(line.startswith("#SBATCH") for line in lines[commands:])  # not read by sbatch


def test_a_cancelled_job_saves_and_is_not_queued_again(job):
    process = job.start(*FLAGS, code="wait")
    assert process.stdout.readline() == "training\n"
    process.send_signal(signal.SIGTERM)
    code, err = job.finish(process)
    assert (code, job.requeued()) == (42, "")
    assert "saved and cancelled; the same sbatch line goes on" in err


def test_a_time_limit_shorter_than_the_warning_does_not_go_round_for_ever(job):
    code, err = job.finish(job.start(*FLAGS, code="42", LAUNCH_SHORT_SECONDS="60"))
    assert (code, job.requeued()) == (42, "")
    assert "is --time longer than --signal's lead?" in err


def test_a_job_that_cannot_be_queued_again(job):
    (job.folder / "scontrol-fails").touch()
    code, err = job.finish(job.start(*FLAGS, code="42"))
    assert code == 42
    assert "it could not be; the same sbatch line goes on" in err


@pytest.mark.parametrize(
    ("flags", "environment", "complaint"),
    [
        (FLAGS, {"SLURM_JOB_ID": ""}, "this is a job; sbatch"),
        (FLAGS[:1], {}, "--workdir is missing"),
        (FLAGS[1:], {}, "--config is missing"),
        (FLAGS, {"SLURM_SUBMIT_DIR": "/"}, "has no main.py; call sbatch in the checkout's folder"),
        (FLAGS, {"SLURM_NTASKS_PER_NODE": "1"}, "2 GPUs and 1 processes a node"),
    ],
)
def test_mistakes_are_told_before_anything_starts(job, flags, environment, complaint):
    code, err = job.finish(job.start(*flags, code="wait", **environment))
    assert code == 2
    assert err.startswith("error: ")
    assert complaint in err
    assert not (job.folder / "srun-arguments").exists()
