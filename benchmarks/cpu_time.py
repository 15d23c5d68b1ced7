"""CPU time of this process, its threads and all its descendants."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

_QUIET = 0.05  # seconds of CPU time a second below which nobody is at work any more


def cpu_seconds() -> float:
    """Returns the CPU seconds that all living processes of the family have used so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    total, processes = 0.0, [os.getpid()]
    while processes:
        folder = Path("/proc") / str(processes.pop())
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / ticks
            for thread in (folder / "task").iterdir():
                processes += map(int, (thread / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended just now
    return total


def wait_until_idle(limit: float = 30.0) -> float:
    """Waits until what is read ahead has been read; returns `cpu_seconds` then."""
    end, used = time.monotonic() + limit, cpu_seconds()
    while time.monotonic() < end:
        time.sleep(0.25)
        now = cpu_seconds()
        if now - used < _QUIET * 0.25 + 1e-9:
            return now
        used = now
    return used


def images_per_cpu_second(batches: Iterator[int], seconds: float) -> tuple[int, float]:
    """Takes batches for a while, from full buffers to full buffers.

    Args:
      batches: over numbers of images.
      seconds: for how long.

    Returns:
      (images taken, CPU seconds of producing as many).
    """
    used, images = wait_until_idle(), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        images += next(batches)
    return images, wait_until_idle() - used
