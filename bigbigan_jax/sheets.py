"""Contact sheets: what a run's samples and reconstructions look like."""

import cv2
import numpy as np
from etils import epath

COLUMNS = 8
GAP = 2  # pixels between images
SHORTEST_SIDE = 48  # smaller images are enlarged, so that one can see something


def grid(images: np.ndarray) -> np.ndarray:
    """Images [N, H, W, C], uint8, in rows of `COLUMNS`: [h, w, 3], uint8."""
    factor = -(-SHORTEST_SIDE // images.shape[1])
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    if images.shape[-1] == 1:
        images = images.repeat(3, axis=-1)
    count, height, width, channels = images.shape
    rows = -(-count // COLUMNS)
    sheet = np.full((rows, COLUMNS, height + GAP, width + GAP, channels), 255, dtype=np.uint8)
    for i, image in enumerate(images):
        sheet[i // COLUMNS, i % COLUMNS, :height, :width] = image
    sheet = sheet.transpose(0, 2, 1, 3, 4).reshape(rows * (height + GAP), -1, channels)
    return sheet[:-GAP, :-GAP]


def pairs(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Rows of images, each row above the row of their reconstructions: a grid as `grid` gives.

    Args:
      images: [N, H, W, C], uint8; reduced to the size of the reconstructions.
      reconstructions: [N, h, w, C], uint8.
    """
    size = reconstructions.shape[2:0:-1]
    reduced = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]
    reduced = np.reshape(reduced, reconstructions.shape)
    # Pad to full rows, so that real and reconstructed rows alternate.
    missing = -len(images) % COLUMNS
    rows = [
        np.concatenate([part, np.full((missing, *part.shape[1:]), 255, np.uint8)]).reshape(
            -1, COLUMNS, *part.shape[1:]
        )
        for part in (reduced, reconstructions)
    ]
    return grid(np.concatenate(rows, axis=1).reshape(-1, *reconstructions.shape[1:]))


def write_png(path: epath.Path, image: np.ndarray) -> None:
    """Writes a uint8 RGB image [H, W, 3]; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
