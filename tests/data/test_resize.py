"""Resizing of boxes, by either library, against Pillow's resize of the cut-out box."""

import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.data import resize
from bigbigan_jax.data.resize import resize_box

BOXES = [(10, 20, 100, 130), (0, 0, 150, 200), (3, 7, 20, 15)]


def _expected(image, box, size, interpolation):
    top, left, height, width = box
    cut = image[top : top + height, left : left + width]
    picture = Image.fromarray(cut[..., 0] if cut.shape[2] == 1 else cut)
    filters = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}
    resized = np.asarray(picture.resize((size, size), filters[interpolation]))
    return resized.reshape(size, size, -1).astype(int)


@pytest.fixture(params=["cykooz", "pillow"])
def library(request, monkeypatch):
    """Resizes by one library."""
    if request.param == "pillow":
        monkeypatch.setattr(resize, "cykooz_resizer", None)
    elif resize.cykooz_resizer is None:
        pytest.skip("cykooz-resizer is not installed")
    return request.param


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 100, 256])
def test_a_box_is_resized_as_pillow_resizes_it_cut_out(library, interpolation, channels, size):
    image = np.random.default_rng(0).integers(64, 192, (150, 200, channels), np.uint8)
    for box in BOXES:
        found = resize_box(image, box, size, size, interpolation)
        assert found.shape == (size, size, channels) and found.dtype == np.uint8
        difference = np.abs(found - _expected(image, box, size, interpolation)).max()
        assert difference <= (2 if library == "cykooz" else 0)


def test_clipped_overshoots_are_all_that_differs_more(library):
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    found = resize_box(image, BOXES[0], 256, 256, "bicubic")
    difference = np.abs(found - _expected(image, BOXES[0], 256, "bicubic"))
    assert difference.mean() < 0.5 and np.mean(difference > 2) < 0.02


def test_boxes_between_pixels(library):
    # A ramp stays a ramp, wherever the box begins.
    image = np.repeat(np.arange(40, 200, 2, dtype=np.uint8)[:, None, None], 80, axis=1)
    found = resize_box(image, (10.25, 8.5, 40.5, 41), 27, 41, "bicubic")[2:-2, :, 0]
    rows = 10.25 + 1.5 * (np.arange(2, 25) + 0.5) - 0.5
    assert np.abs(found - (40 + 2 * rows)[:, None]).max() <= 1


def test_a_box_of_the_right_size_is_not_touched(library):
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    found = resize_box(image, (2, 3, 20, 20), 20, 20, "bicubic")
    np.testing.assert_array_equal(found, image[2:22, 3:23])
