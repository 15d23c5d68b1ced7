"""Noticing SIGTERM, which clouds and schedulers send before they take a machine away."""

import signal
import threading
from types import FrameType

import jax
from jax.experimental import multihost_utils

PREEMPTED = 42  # exit code: it was told to stop, and the same line goes on


class Stopped(Exception):
    """Work was told to stop, and can be gone on with."""


class Preemption:
    """Context in which SIGTERM is noted instead of ending the process at once.

    With several processes, one that got the signal makes all of them stop after the same step.
    """

    def __init__(self) -> None:
        self._received = threading.Event()
        self._asked = 0
        self._previous = None

    def __enter__(self) -> "Preemption":
        # With several processes JAX's preemption service listens and tells the others.
        if jax.process_count() == 1 and threading.current_thread() is threading.main_thread():
            # None stands for a handler that was not set from Python and cannot be set again.
            self._previous = signal.signal(signal.SIGTERM, self._receive) or signal.SIG_DFL
        return self

    def __exit__(self, *exception: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received.set()

    def reached(self) -> bool:
        """Whether to save and stop now; all processes must ask equally often."""
        if jax.process_count() > 1 and not self._received.is_set():
            self._asked += 1
            if multihost_utils.reached_preemption_sync_point(self._asked):
                self._received.set()  # it says so once
        return self._received.is_set()
