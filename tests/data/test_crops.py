"""Crops from files: those of the decoded image, as near as is promised."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.data import AUGMENTATIONS, DataError, decode, random_crop, random_crop_resize
from bigbigan_jax.data.crops import reduction_for


def _file(mode: str, kind: str, size: tuple[int, int]) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.BICUBIC).convert(mode).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode, kind", [
    ("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("P", "PNG"), ("RGB", "BMP"),
])  # fmt: skip
def test_at_full_scale_the_crop_is_that_of_the_decoded_image(name, channels, mode, kind):
    data = _file(mode, kind, (90, 70))
    pixels = decode(data, channels)
    for seed in range(4):
        found, expected = (
            crop(*arguments, AUGMENTATIONS[name], np.random.default_rng(seed))
            for crop, arguments in (
                (random_crop, (data, 48, channels)),
                (random_crop_resize, (pixels, 48)),
            )
        )
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        random_crop(pixels, 48, channels, AUGMENTATIONS[name], np.random.default_rng(3)), expected
    )


@pytest.mark.parametrize("side, size, reduction", [
    (767, 256, 1), (768, 256, 2), (1535, 256, 2), (1536, 256, 4), (384, 128, 2), (9999, 64, 8),
])  # fmt: skip
def test_scales(side, size, reduction):
    assert reduction_for(side, 2 * side, size) == reduction_for(side + 99, side, size) == reduction


def test_a_reduced_crop_lies_where_the_full_one_does():
    data = _file("RGB", "JPEG", (801, 603))
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    for seed in range(12):
        found = random_crop(data, 32, 3, AUGMENTATIONS["resnet"], np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        expected = random_crop_resize(pixels, 32, AUGMENTATIONS["resnet"], rng)
        # The picture is smooth: a shift by a tenth of a pixel would show.
        assert np.abs(found.astype(int) - expected).mean() < 0.6


def test_damage_is_an_error():
    data = _file("RGB", "JPEG", (90, 70))
    for torn in (b"", b"torn", data[: len(data) // 2]):
        with pytest.raises(DataError, match="not a complete image"):
            random_crop(torn, 32, 3, AUGMENTATIONS["resnet"], np.random.default_rng(0))
