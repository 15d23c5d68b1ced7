"""Says how far something long has come: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

LINE_EVERY = 30.0  # seconds, where the stream is not a terminal

T = TypeVar("T")


def tracked(
    items: Iterable[T],
    total: int,
    text: str,
    stream: TextIO | None = None,
    every: float = LINE_EVERY,
) -> Iterator[T]:
    """Yields the items and shows how many there were.

    Args:
      items: what to pass on.
      total: how many there will be.
      text: what goes on.
      stream: stderr by default.
      every: seconds between two lines where the stream is not a terminal.
    """
    stream = sys.stderr if stream is None else stream
    if stream.isatty():
        yield from tqdm(items, text, total, leave=False, file=stream, unit=" images")
        return
    began = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        if (now := time.monotonic()) - last >= every:
            last = now
            print(f"{text}: {done:,} of {total:,}, {now - began:.0f} s", file=stream, flush=True)


@contextlib.contextmanager
def reporting(
    describe: Callable[[], str], stream: TextIO | None = None, every: float = LINE_EVERY
) -> Iterator[None]:
    """Prints a line now and then until the block ends; nothing on a terminal.

    For work that shows a bar of its own on a terminal.

    Args:
      describe: returns what to print; called from another thread.
      stream: stderr by default.
      every: seconds between two lines.
    """
    stream = sys.stderr if stream is None else stream
    if stream.isatty():
        yield
        return
    began, done = time.monotonic(), threading.Event()

    def report() -> None:
        while not done.wait(every):
            seconds = time.monotonic() - began
            print(f"{describe()}, {seconds:.0f} s", file=stream, flush=True)

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
