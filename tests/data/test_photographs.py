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
    decode,
    evaluation_batches,
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
