"""Real ImageNet photographs, where BIGBIGAN_TEST_DATA names a folder with imagenette.tar."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.data import (
    AUGMENTATIONS,
    center_crop,
    crops,
    decode,
    evaluation_batches,
    random_crop,
    sample_crop,
    training_batches,
)

_DATA = os.environ.get("BIGBIGAN_TEST_DATA")
pytestmark = pytest.mark.skipif(not _DATA, reason="BIGBIGAN_TEST_DATA is not set")
_COUNT = 60


class _Photographs:
    """The first validation photographs of the archive, encoded."""

    name, split, num_classes, fingerprint = "photographs", "val", None, "-"

    def __init__(self) -> None:
        self.files = []
        with tarfile.open(Path(_DATA) / "imagenette.tar") as archive:
            for member in archive:
                if "/val/" in member.name and member.name.endswith(".JPEG"):
                    self.files.append(archive.extractfile(member).read())
                if len(self.files) == _COUNT:
                    return

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict:
        return {"image": self.files[index]}


@pytest.fixture(scope="module")
def photographs() -> _Photographs:
    """Returns the photographs, read once."""
    return _Photographs()


def test_pixels_and_crops_agree_with_pillow(photographs):
    for index in range(_COUNT):
        image = Image.open(io.BytesIO(photographs[index]["image"])).convert("RGB")
        pixels = decode(photographs[index]["image"], 3)
        # The two bring their own libjpeg, whose inverse transforms may differ in a bit.
        assert np.abs(pixels.astype(int) - np.asarray(image)).max() <= 3
        expected = np.asarray(image.resize((128, 128), Image.BICUBIC)).astype(int)
        assert np.abs(center_crop(pixels, 128) - expected).max() <= 2


def _mosaic(photographs: _Photographs, side: int, subsampling: int) -> bytes:
    """Returns a large JPEG, joined of side x side photographs of 224 x 224 pixels."""
    tiles = [decode(photographs[index]["image"], 3) for index in range(side * side)]
    rows = [np.concatenate(tiles[row * side :][:side], axis=1) for row in range(side)]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(rows)).save(buffer, "JPEG", quality=92, subsampling=subsampling)
    return buffer.getvalue()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [64, 128, 256])
def test_decoding_at_a_reduced_scale_keeps_the_promised_tolerance(
    photographs, monkeypatch, subsampling, size
):
    data = _mosaic(photographs, {64: 3, 128: 4, 256: 6}[size], subsampling)

    def crop(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return random_crop(data, size, 3, AUGMENTATIONS["resnet"], rng).astype(int)

    reduced = [crop(seed) for seed in range(6)]
    monkeypatch.setattr(crops, "reduction_for", lambda *_: 1)
    differences = np.array([np.abs(found - crop(seed)) for seed, found in enumerate(reduced)])
    changed = differences[differences.any(axis=(1, 2, 3))]
    assert len(changed) >= 3
    assert changed.mean(axis=(1, 2, 3)).max() < 2 and changed.mean() < 1.2
    assert np.quantile(changed, 0.999) <= 25


def test_crops_of_photographs_are_pillows_within_two_levels(photographs):
    worst = []
    for index in range(_COUNT):
        data = photographs[index]["image"]
        found = random_crop(data, 128, 3, AUGMENTATIONS["resnet"], np.random.default_rng(index))
        rng = np.random.default_rng(index)
        box = sample_crop(224, 224, AUGMENTATIONS["resnet"], rng)
        top, left, height, width = box
        cut = Image.fromarray(decode(data, 3)).crop((left, top, left + width, top + height))
        expected = np.asarray(cut.resize((128, 128), Image.BICUBIC)).astype(int)
        expected = expected[:, ::-1] if rng.random() < 0.5 else expected
        worst.append(np.mean(np.abs(found - expected) > 2))
    # Beside the sharpest edges bicubic overshoots 0..255, which each library clips in its turn.
    assert np.mean(worst) < 0.001


def test_batches_of_photographs(photographs):
    batches = training_batches(
        photographs,
        image_size=128,
        channels=3,
        augmentation=AUGMENTATIONS["resnet"],
        batch_size=16,
        batches_per_step=2,
        seed=0,
        start_step=0,
    )
    images = next(batches)["image"]
    batches.close()
    assert images.shape == (2, 16, 128, 128, 3)
    # Photographs: neither black nor noise, and no two crops alike.
    assert 60 < images.mean() < 180 and images.std() > 30
    assert np.abs(np.diff(images.astype(int), axis=3)).mean() < 25
    assert len({image.tobytes() for image in images.reshape(32, -1)}) == 32
    centred = evaluation_batches(photographs, image_size=64, channels=3, batch_size=25)
    assert [len(batch["image"]) for batch in centred] == [25, 25, 10]
