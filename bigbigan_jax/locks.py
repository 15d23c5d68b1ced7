"""Files by which processes keep each other out."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds a file that one process at a time can, until the block or the process ends.

    The file is made, and removed again. On a file system without locks everyone gets it.

    Args:
      path: of the file, in a folder that there is.

    Raises:
      BlockingIOError: another process holds it.
      OSError: it cannot be made.
    """
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        _lock(lock, path)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # what was done in the block is done
                path.unlink()
    finally:
        os.close(lock)


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return
    # Whoever had the lock may have removed the file between opening and locking it here.
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(lock), path.stat()):
            return
    raise BlockingIOError(f"{path}: just removed by another process")
