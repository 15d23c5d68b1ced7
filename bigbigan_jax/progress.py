"""Says on stderr that something long is going on, and how far it has come.

A bar or a line that changes on a terminal; elsewhere a line now and then.
"""

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
    unit: str = "images",
    size: Callable[[T], int] | None = None,
) -> Iterator[T]:
    """Yields the items and shows how many there were.

    Args:
      items: what to pass on.
      total: how many there will be.
      text: what goes on.
      stream: stderr by default.
      every: seconds between two lines where the stream is not a terminal.
      unit: what is counted.
      size: how many of them an item is; 1 by default.
    """
    stream = sys.stderr if stream is None else stream
    if stream.isatty():
        with tqdm(None, text, total, leave=False, file=stream, unit=f" {unit}") as bar:
            for item in items:
                yield item
                bar.update(size(item) if size else 1)
        return
    began, done = time.monotonic(), 0
    last = began
    for item in items:
        yield item
        done += size(item) if size else 1
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

    def report(seconds: float) -> None:
        print(f"{describe()}, {seconds:.0f} s", file=stream, flush=True)

    with contextlib.nullcontext() if stream.isatty() else _calling(report, every):
        yield


@contextlib.contextmanager
def ticking(text: str, stream: TextIO | None = None, every: float | None = None) -> Iterator[None]:
    """Shows `text` and the seconds since, until the block ends.

    On a terminal one line counts up and is wiped in the end.

    Args:
      text: what goes on.
      stream: stderr by default.
      every: seconds between two writes; 1 on a terminal and 30 elsewhere by default.
    """
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()

    def tick(seconds: float) -> None:
        line = f"{text}: {seconds:.0f} s"
        print(f"\r{line}" if terminal else line, end="" if terminal else "\n", file=stream)
        stream.flush()

    try:
        with _calling(tick, every or (1 if terminal else LINE_EVERY)):
            yield
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=stream, flush=True)


@contextlib.contextmanager
def _calling(function: Callable[[float], None], every: float) -> Iterator[None]:
    """Calls a function with the seconds since, every so many, until the block ends."""
    began, done = time.monotonic(), threading.Event()

    def call() -> None:
        while not done.wait(every):
            function(time.monotonic() - began)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
