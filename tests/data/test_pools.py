"""Chunks come in order, a bounded number ahead, and nobody is left over."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bigbigan_jax.data.pools import Processes, Threads, chunks_in_order

SHAPE = (2, 3)


class Job:
    """Writes the chunk's number; in threads it counts what was begun."""

    def __init__(self):
        self.begun = 0

    def __call__(self, chunk: int, out: np.ndarray) -> tuple[int, int]:
        if chunk == 90:
            raise KeyError("ninety")
        if chunk == 95:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01 * (chunk % 3))  # so that the later ones are done earlier
        out[...] = chunk
        self.begun += 1
        return chunk, os.getpid()


def _pool(workers: int, job: Job, ahead: int = 7):
    return Processes(job, SHAPE, ahead, workers) if workers else Threads(job, SHAPE, ahead)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_chunks_come_in_order(workers):
    chunks = chunks_in_order(_pool(workers, Job()), 40)
    seen = [(pixels.copy(), answer) for pixels, answer in itertools.islice(chunks, 30)]
    for number, (pixels, (chunk, _)) in zip(range(40, 70), seen, strict=True):
        assert chunk == number and (pixels == number).all() and pixels.shape == SHAPE
    assert len({process for _, (_, process) in seen}) == max(workers, 1)
    chunks.close()
    assert not multiprocessing.active_children()


def test_no_more_than_the_slots_are_filled_ahead():
    job = Job()
    chunks = chunks_in_order(_pool(0, job), 0)
    for _ in range(10):
        next(chunks)
    time.sleep(0.3)
    assert job.begun <= 10 + 7
    chunks.close()
    assert threading.active_count() < 20


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_arrive_and_end_everything(workers):
    with pytest.raises(KeyError, match="ninety"):
        list(chunks_in_order(_pool(workers, Job()), 88))
    assert not multiprocessing.active_children()


def test_a_killed_process_is_noticed():
    with pytest.raises(RuntimeError, match="ended unexpectedly with exit code -9"):
        list(chunks_in_order(_pool(1, Job(), ahead=2), 93))
    assert not multiprocessing.active_children()


_UNCLOSED = """
import multiprocessing
from bigbigan_jax.data import AUGMENTATIONS, open_source, training_batches

if __name__ == "__main__":
    batches = training_batches(
        open_source("digits", "train"), image_size=8, channels=1, batch_size=32, seed=0,
        augmentation=AUGMENTATIONS["none"], batches_per_step=1, start_step=0, workers=2,
    )
    next(batches)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
"""
_INTERRUPTED = f"""{_UNCLOSED}
    for _ in batches:
        pass
"""


def _start(script: Path, text: str) -> subprocess.Popen:
    script.write_text(text)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    )


def test_a_program_ends_that_closes_nothing(tmp_path):
    with _start(tmp_path / "unclosed.py", _UNCLOSED) as process:
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_leaves_no_processes(tmp_path):
    with _start(tmp_path / "interrupted.py", _INTERRUPTED) as process:
        workers = [int(pid) for pid in process.stdout.readline().split()]
        os.killpg(process.pid, signal.SIGINT)  # the whole group, as a terminal does
        _, errors = process.communicate(timeout=60)
    assert len(workers) == 2 and errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors
    assert not any(os.path.exists(f"/proc/{pid}") for pid in workers)
