"""The images that are scored: of a model, of a data set, of a folder."""

import contextlib
import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bigbigan_jax.data import DataError, Source, as_pixels, center_crop, evaluation_batches
from bigbigan_jax.hub import Model
from bigbigan_jax.inception import SIDE
from bigbigan_jax.inception.resize import tf1_bilinear_on_host
from bigbigan_jax.models.images import to_bytes
from bigbigan_jax.prepare.image_files import ImageFile

_AT_ONCE = 256
_FILES_AT_ONCE = 64  # as floats of 299 px they are larger


def generated(
    model: Model, count: int, seed: int, truncation: float | None
) -> Iterator[np.ndarray]:
    """Batches of samples, uint8 [B, S, S, C]; the first n are the same for any count.

    Args:
      model: the model.
      count: of samples.
      seed: of z.
      truncation: see `Model.sample`.
    """
    for number, start in enumerate(range(0, count, _AT_ONCE)):
        (of_batch,) = np.random.SeedSequence([seed, number]).generate_state(1)
        samples = model.sample(_AT_ONCE, int(of_batch), truncation)
        yield np.asarray(to_bytes(samples))[: count - start]


def of_source(source: Source, size: int, channels: int) -> Iterator[np.ndarray]:
    """Batches of all images of a data set, uint8: short side to `size`, centre crop."""
    batches = evaluation_batches(source, image_size=size, channels=channels, batch_size=_AT_ONCE)
    with contextlib.closing(batches):
        for batch in batches:
            yield batch["image"]


def of_files(files: list[ImageFile], size: int | None) -> Iterator[np.ndarray]:
    """Batches of images of any sizes, float32 [B, 299, 299, 3], 0 to 255.

    Args:
      files: the images.
      size: short side to so many pixels and centre crop first; None to take the whole image as it
        is.

    Raises:
      bigbigan_jax.data.DataError: names a file that is no image.
    """
    with ThreadPoolExecutor() as threads:
        for start in range(0, len(files), _FILES_AT_ONCE):
            some = files[start : start + _FILES_AT_ONCE]
            yield np.stack(list(threads.map(functools.partial(_read, size=size), some)))


def _read(file: ImageFile, size: int | None) -> np.ndarray:
    try:
        pixels = as_pixels(file.read(), 3)
    except (DataError, OSError) as error:
        raise DataError(f"{file.path}: {'/'.join(file.parts)}: {error}") from error
    return tf1_bilinear_on_host(pixels if size is None else center_crop(pixels, size), SIDE)
