"""Sheets for the eye: samples, ways through the latent space, the encoder's first filters."""

import jax
import numpy as np

from bigbigan_jax import sheets
from bigbigan_jax.hub import InputError, Model
from bigbigan_jax.models.images import to_bytes


def samples(model: Model, count: int, seed: int, truncation: float | None) -> np.ndarray:
    """A sheet [h, w, 3] of G(z), z drawn from the prior."""
    return sheets.grid(np.asarray(to_bytes(model.sample(count, seed, truncation))))


def interpolations(model: Model, count: int, seed: int) -> np.ndarray:
    """A sheet [h, w, 3] of rows, each a way from one z to another.

    Under the normal prior along the great circle, so that all z on the way are about as long as
    those of the prior; under the uniform prior along the line.
    """
    ends = np.asarray(model.networks.sample_z(jax.random.key(seed), 2 * count))
    straight = model.networks.prior == "uniform"
    steps = np.linspace(0, 1, sheets.COLUMNS)
    ways = [_way(*ends[2 * row : 2 * row + 2], steps, straight) for row in range(count)]
    images = model.generate(np.concatenate(ways))["default"]
    return sheets.grid(np.asarray(to_bytes(images)))


def filters(model: Model) -> np.ndarray:
    """A sheet [h, w, 3] of the kernels of E's first convolution, each scaled to its range.

    Raises:
      InputError: the model has no encoder.
    """
    if model.networks.encoder is None:
        raise InputError("this model has no encoder: it was trained without one")
    kernel = np.asarray(model.variables["encoder"]["params"]["trunk"]["stem"]["conv"]["kernel"])
    kernels = kernel.transpose(3, 0, 1, 2)
    low = kernels.min(axis=(1, 2, 3), keepdims=True)
    high = kernels.max(axis=(1, 2, 3), keepdims=True)
    kernels = (kernels - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    return sheets.grid(np.round(kernels * 255).astype(np.uint8))


def _way(start: np.ndarray, end: np.ndarray, steps: np.ndarray, straight: bool) -> np.ndarray:
    steps = steps[:, None]
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / lengths, -1, 1))
    if straight or np.sin(angle) < 1e-6:
        return ((1 - steps) * start + steps * end).astype(np.float32)
    way = np.sin((1 - steps) * angle) * start + np.sin(steps * angle) * end
    return (way / np.sin(angle)).astype(np.float32)
