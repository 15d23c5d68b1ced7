"""Says on stderr that something long is still going on."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

LINE_EVERY = 30  # seconds, where the stream is not a terminal


@contextlib.contextmanager
def ticking(text: str, stream: TextIO | None = None, every: float | None = None) -> Iterator[None]:
    """Shows `text` and the seconds since, until the block ends.

    On a terminal one line counts up and is wiped in the end; elsewhere a line is printed every 30
    seconds.

    Args:
      text: what goes on.
      stream: stderr by default.
      every: seconds between two writes; 1 on a terminal and 30 elsewhere by default.
    """
    stream = sys.stderr if stream is None else stream
    terminal, began, done = stream.isatty(), time.monotonic(), threading.Event()
    every = every or (1 if terminal else LINE_EVERY)

    def tick() -> None:
        while not done.wait(every):
            line = f"{text}: {time.monotonic() - began:.0f} s"
            print(f"\r{line}" if terminal else line, end="" if terminal else "\n", file=stream)
            stream.flush()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        if terminal:
            print("\r\x1b[K", end="", file=stream, flush=True)
