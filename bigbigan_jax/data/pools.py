"""Threads or processes that fill numbered chunks of images, a bounded number of them ahead.

Chunks are written where they will be read: processes share one block of memory, set up once and
never grown. Grain's processes, measured, spend a fifth of the time of decoding on passing arrays
in new blocks of memory, and its chain of transformations another tenth.
"""

import atexit
import contextlib
import ctypes
import itertools
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np

from bigbigan_jax.data.stages import start_worker

# Fills chunk number i, given memory for it, and returns what else there is to say about it.
Job = Callable[[int, np.ndarray], Any]
_THREADS = 2  # a process, so that one waits for the disk while the other decodes
_PATIENCE = 10  # seconds for a process to finish what it is at


class Pool(Protocol):
    """Who fills chunks: threads or processes.

    Attributes:
      slots: uint8 [ahead, ...], memory for chunks.
    """

    slots: np.ndarray

    def submit(self, chunk: int, slot: int) -> None:
        """Asks for a chunk in a slot."""
        ...

    def wait(self, chunk: int) -> Any:
        """Returns what the job returned for a chunk, or raises what it raised."""
        ...

    def close(self) -> None:
        """Ends the threads or processes."""
        ...


def chunks_in_order(pool: Pool, first: int) -> Iterator[tuple[np.ndarray, Any]]:
    """Yields chunks `first`, `first` + 1, ... without end; the pool is closed with the iterator.

    Args:
      pool: who fills them.
      first: number of the first.

    Returns:
      An iterator over (pixels, what the job returned); the pixels are overwritten once the next
      chunk is asked for.
    """
    ahead = len(pool.slots)
    with contextlib.closing(pool):
        for chunk in range(first, first + ahead):
            pool.submit(chunk, chunk % ahead)
        for chunk in itertools.count(first):
            answer = pool.wait(chunk)
            yield pool.slots[chunk % ahead], answer
            pool.submit(chunk + ahead, chunk % ahead)


class Threads:
    """Threads of this process; see `Pool`."""

    def __init__(self, job: Job, shape: tuple[int, ...], ahead: int) -> None:
        """Starts a thread for each core.

        Args:
          job: fills a chunk.
          shape: of a chunk, uint8.
          ahead: chunks that are filled before they are asked for.
        """
        self.slots = np.empty((ahead, *shape), np.uint8)
        self._job = job
        self._futures: dict[int, Future] = {}
        self._executor = ThreadPoolExecutor(os.cpu_count() or 1)

    def submit(self, chunk: int, slot: int) -> None:
        """See `Pool`."""
        self._futures[chunk] = self._executor.submit(self._job, chunk, self.slots[slot])

    def wait(self, chunk: int) -> Any:
        """See `Pool`."""
        return self._futures.pop(chunk).result()

    def close(self) -> None:
        """See `Pool`."""
        self._executor.shutdown(cancel_futures=True)


class Processes:
    """Processes of their own; see `Pool`."""

    def __init__(self, job: Job, shape: tuple[int, ...], ahead: int, workers: int) -> None:
        """Starts the processes.

        Args:
          job: fills a chunk; travels to the processes.
          shape: of a chunk, uint8.
          ahead: chunks that are filled before they are asked for.
          workers: number of processes.
        """
        # JAX has threads, which a forked process would not survive.
        context = multiprocessing.get_context("spawn")
        # The memory has no name: it is gone with the last process, however that one ends.
        memory = context.RawArray(ctypes.c_uint8, ahead * math.prod(shape))
        self.slots = _as_slots(memory, shape)
        self._answers: dict[int, tuple[Any, BaseException | None]] = {}
        self._connections, self._processes = [], []
        with _signals_held():
            for _ in range(workers):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=_work, args=(job, memory, shape, theirs), daemon=True
                )
                process.start()
                theirs.close()
                self._connections.append(ours)
                self._processes.append(process)
        # Where nobody closes it: multiprocessing would wait at exit for processes that it has
        # sent SIGTERM, which they never get.
        atexit.register(self.close)

    def submit(self, chunk: int, slot: int) -> None:
        """See `Pool`."""
        owner = chunk % len(self._processes)
        try:
            self._connections[owner].send((chunk, slot))
        except OSError as error:
            raise self._ended(owner) from error

    def wait(self, chunk: int) -> Any:
        """See `Pool`; raises RuntimeError if the process that has the chunk is no more."""
        owner = chunk % len(self._processes)
        while chunk not in self._answers:
            try:
                finished, *answer = self._connections[owner].recv()
            except (EOFError, OSError) as error:
                raise self._ended(owner) from error
            self._answers[finished] = answer
        result, error = self._answers.pop(chunk)
        if error is not None:
            raise error
        return result

    def _ended(self, worker: int) -> RuntimeError:
        process = self._processes[worker]
        process.join(_PATIENCE)
        return RuntimeError(
            f"data process {worker} ended unexpectedly with exit code {process.exitcode} "
            "(-9: it was killed, often for want of memory)"
        )

    def close(self) -> None:
        """See `Pool`."""
        # More than once where nobody closed it before the interpreter's end.
        connections, self._connections = self._connections, []
        if not connections:
            return
        atexit.unregister(self.close)
        for connection in connections:
            connection.close()
        for process in self._processes:
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Delays Ctrl-C and SIGTERM; processes started meanwhile never get them, however early.

    A terminal, and many a scheduler, sends them to all processes; only the main one knows what to
    do, and it needs the others for the step that it is at.
    """
    resource_tracker.ensure_running()  # to start it later would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _as_slots(memory: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(memory, np.uint8).reshape(-1, *shape)


def _work(job: Job, memory: Any, shape: tuple[int, ...], tasks: Connection) -> None:
    """What a process does until the other end of its connection is closed."""
    start_worker()
    slots = _as_slots(memory, shape)
    receiving, sending = threading.Lock(), threading.Lock()

    def serve() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                with receiving:
                    chunk, slot = tasks.recv()
                answer = _attempt(job, chunk, slots[slot])
                with sending:
                    tasks.send((chunk, *answer))

    threads = [threading.Thread(target=serve) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _attempt(job: Job, chunk: int, out: np.ndarray) -> tuple[Any, BaseException | None]:
    try:
        return job(chunk, out), None
    except Exception as error:  # whatever it is, it is raised again in the main process
        try:
            multiprocessing.reduction.ForkingPickler.dumps(error)
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        return None, error
