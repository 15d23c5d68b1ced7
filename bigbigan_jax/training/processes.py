"""Joining the other processes of a run, and saying what is missing when they do not come."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

import jax

_GRACE = 60  # JAX ends the process with a stack trace at its own timeout: ours must come first


class ProcessesError(RuntimeError):
    """The processes of a run do not find together; the message is one line."""


def join_processes(
    coordinator: str | None, processes: int | None, process: int | None, timeout: int
) -> None:
    """Connects to the other processes; to be called before any other use of JAX.

    Ends this process with exit code 1 and a line on stderr if the others are not there in time:
    JAX waits in native code, which no exception can leave.

    Args:
      coordinator: host:port of process 0; None where JAX finds out by itself (TPU, Slurm, ...).
      processes: how many there are; None as above.
      process: number of this one; None as above.
      timeout: seconds to wait for the others.

    Raises:
      ProcessesError: an argument is missing or wrong.
    """
    at = f" at {coordinator}" if coordinator else ""
    complaint = (
        f"the other processes were not there{at} after {timeout} s; start the same command on "
        "every host within that time (--start_timeout), and on none alone"
    )
    try:
        with _exit_after(timeout, complaint):
            jax.distributed.initialize(
                coordinator, processes, process, initialization_timeout=timeout + _GRACE
            )
    except (ValueError, RuntimeError) as error:
        raise ProcessesError(
            f"cannot join the other processes: {str(error).splitlines()[0]} (--coordinator, "
            "--processes and --process say where they are)"
        ) from error


def check_alone() -> None:
    """For a process that joined no others.

    Raises:
      ProcessesError: JAX sees several processes all the same.
    """
    if jax.process_count() > 1:
        raise ProcessesError(
            f"this is one of {jax.process_count()} processes; start each of them with --distributed"
        )


@contextlib.contextmanager
def _exit_after(seconds: float, complaint: str) -> Iterator[None]:
    def complain() -> None:
        print(f"error: {complaint}", file=sys.stderr, flush=True)
        os._exit(1)

    timer = threading.Timer(seconds, complain)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
