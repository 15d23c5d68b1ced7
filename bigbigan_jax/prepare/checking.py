"""Finds the images that could not be decoded in training."""

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import cv2

from bigbigan_jax.data import DataError, decode
from bigbigan_jax.prepare.image_files import ImageFile

_AT_ONCE = 256  # files handed to the threads together
_OPENCV_SILENT = 0


def problem_of(image: ImageFile) -> str:
    """Returns why an image file cannot be used for training, in one line; empty if it can.

    The kind of image is told by its content, not by its name.
    """
    if image.problem:
        return image.problem
    try:
        data = image.read()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if not data:
        return "is empty"
    try:
        decode(data, channels=3)
    except DataError as error:
        return "cannot be decoded: " + " ".join(str(error).split())
    return ""


def problems(images: Iterable[ImageFile]) -> Iterator[tuple[ImageFile, str]]:
    """Yields each image, in order, and why it cannot be used (`problem_of`).

    Threads suffice: reading and decoding leave Python's lock alone.
    """
    with (
        warnings.catch_warnings(),
        _quiet_opencv(),
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        warnings.simplefilter("ignore")  # Pillow on large or slightly wrong images
        files = iter(images)
        while part := list(islice(files, _AT_ONCE)):
            yield from zip(part, pool.map(problem_of, part), strict=True)


@contextlib.contextmanager
def _quiet_opencv() -> Iterator[None]:
    level = cv2.utils.logging.setLogLevel(_OPENCV_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
