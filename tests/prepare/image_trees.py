"""Small trees of images, for the tests of bigbigan_jax.prepare."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)
without_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed"
)


def image_bytes(seed: int, suffix: str = ".png", side: int = 12) -> bytes:
    """An image of coloured noise, encoded as its suffix says."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + 2, 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def make_tree(root: Path, names: list[str]) -> dict[str, bytes]:
    """Writes an image under each name below root; returns their bytes by name."""
    tree = {}
    for seed, name in enumerate(names):
        tree[name] = image_bytes(seed, Path(name).suffix.lower())
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tree[name])
    return tree


def prepare(*arguments: str) -> subprocess.CompletedProcess:
    """Runs the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bigbigan_jax.prepare", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
