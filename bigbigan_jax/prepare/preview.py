"""A picture of what training will see: augmented crops of a prepared set."""

import contextlib
import os
from pathlib import Path

import cv2
import numpy as np

from bigbigan_jax.data import AUGMENTATIONS, open_source, training_batches
from bigbigan_jax.prepare.errors import PrepareError

ROWS, COLUMNS = 6, 10
_GAP = 2  # pixels between crops


def write_preview(
    path: str,
    name: str,
    data_dir: str | None = None,
    size: int = 128,
    split: str = "train",
    augmentation: str = "resnet",
) -> None:
    """Writes a contact sheet of training crops as a PNG.

    Args:
      path: the file to write.
      name: a prepared set.
      data_dir: where it lies; None for the default of TensorFlow Datasets.
      size: side of the crops in pixels.
      split: the split to draw from.
      augmentation: a name in `bigbigan_jax.data.AUGMENTATIONS`.

    Raises:
      DataError: if the set or the split is not there, or cannot be read.
      PrepareError: if the file cannot be written.
    """
    source = open_source(name, split, data_dir and os.path.expanduser(data_dir))
    batches = training_batches(
        source,
        image_size=size,
        channels=3,
        augmentation=AUGMENTATIONS[augmentation],
        batch_size=ROWS * COLUMNS,
        batches_per_step=1,
        seed=0,
        start_step=0,
    )
    with contextlib.closing(batches):
        crops = next(batches)["image"][0]
    file = Path(path).expanduser()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", sheet(crops)[..., ::-1])[1])
    except OSError as error:
        raise PrepareError(f"--preview={path}: cannot be written: {error.strerror}") from error
    print(f"{ROWS * COLUMNS} crops of {name} {split}, augmentation {augmentation!r}: {path}")


def sheet(crops: np.ndarray) -> np.ndarray:
    """Lays crops out in rows.

    Args:
      crops: uint8 [ROWS * COLUMNS, S, S, 3].

    Returns:
      uint8 [H, W, 3], white between the crops.
    """
    padded = np.pad(crops, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
    rows = padded.reshape(ROWS, COLUMNS, *padded.shape[1:]).swapaxes(1, 2)
    return rows.reshape(ROWS * padded.shape[1], -1, 3)[:-_GAP, :-_GAP]
