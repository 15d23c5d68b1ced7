"""Sheets for the eye: images beside their reconstructions, and beside their neighbours."""

import contextlib

import numpy as np

from bigbigan_jax import sheets
from bigbigan_jax.data import Source, evaluation_batches
from bigbigan_jax.hub import Model
from bigbigan_jax.models.images import to_bytes
from bigbigan_jax.probe.features import Features
from bigbigan_jax.probe.knn import nearest

_BATCH = 64


def first_images(model: Model, source: Source, count: int) -> np.ndarray:
    """The centre crops of the first images of a source: uint8 [N, S, S, C]."""
    batches = evaluation_batches(
        source,
        image_size=model.image_size,
        channels=model.networks.image_channels,
        batch_size=_BATCH,
    )
    found: list[np.ndarray] = []
    with contextlib.closing(batches):
        while sum(map(len, found)) < count and (batch := next(batches, None)) is not None:
            found.append(batch["image"])
    return np.concatenate(found)[:count]


def reconstructions(model: Model, images: np.ndarray) -> np.ndarray:
    """A sheet [h, w, 3] of rows of images, each row above the row of their reconstructions."""
    return sheets.pairs(images, np.asarray(to_bytes(model.reconstruct(images))))


def neighbours(model: Model, images: np.ndarray, database: np.ndarray) -> np.ndarray:
    """A sheet [h, w, 3] of rows: an image, then those nearest to it in the space of AvePool.

    Args:
      model: with an encoder.
      images: uint8 [N, S, S, C].
      database: uint8 [M, S, S, C], where to look; images that are in there find themselves.
    """
    k = min(sheets.COLUMNS - 1, len(database))
    queries, rows = (_features(model, part) for part in (images, database))
    found = nearest(queries, rows, k)
    sheet = np.full((len(images), sheets.COLUMNS, *images.shape[1:]), 255, np.uint8)
    sheet[:, 0], sheet[:, 1 : k + 1] = images, database[found]
    return sheets.grid(sheet.reshape(-1, *images.shape[1:]))


def _features(model: Model, images: np.ndarray) -> Features:
    return Features(model.encode(images)["avepool_feat"], np.zeros(len(images), np.int32), 1)
