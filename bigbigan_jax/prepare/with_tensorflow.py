"""TensorFlow, which some data sets need to be prepared, and nothing else here does."""

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator

from bigbigan_jax.prepare.errors import PrepareError


def have_tensorflow() -> bool:
    """Returns whether TensorFlow is installed."""
    return importlib.util.find_spec("tensorflow") is not None


def require_tensorflow(what: str) -> None:
    """Imports TensorFlow, without what it says and without GPUs, for TensorFlow Datasets to use.

    Args:
      what: what needs it, for the message.

    Raises:
      PrepareError: if it is not installed, or cannot be imported.
    """
    if not have_tensorflow():
        raise PrepareError(
            f"{what} needs TensorFlow, to prepare it only: pip install -e '.[prepare]'"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # it would take the memory of all GPUs
    try:
        with _without_stderr():
            importlib.import_module("tensorflow")
    except ImportError as error:
        raise PrepareError(f"{what} needs TensorFlow, which does not import: {error}") from error


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    # Its libraries write there as they load, before any setting of theirs is heeded.
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
