"""Crops, resizing and flips against their definitions and against Pillow."""

import math
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.data import (
    AUGMENTATIONS,
    Augmentation,
    center_crop,
    random_crop_resize,
    sample_crop,
)


def _image(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Returns noise of all frequencies, which aliasing would show in."""
    return np.random.default_rng(7).integers(0, 256, (height, width, channels), np.uint8)


def _boxes(height: int, width: int, augmentation: Augmentation, draws: int = 10_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([sample_crop(height, width, augmentation, rng) for _ in range(draws)])


def test_presets_are_the_papers():
    resnet, table3 = AUGMENTATIONS["resnet"], AUGMENTATIONS["table3"]
    assert (resnet.area, resnet.aspect) == ((0.08, 1.0), (3 / 4, 4 / 3))
    assert (resnet.interpolation, resnet.flip) == ("bicubic", True)
    assert (table3.area, table3.aspect) == ((0.5, 1.0), (1.0, 1.0))
    assert (table3.interpolation, table3.flip) == ("bilinear", False)
    for name, side in (("bigan", 8 / 9), ("bigan_e112", 7 / 8)):
        assert AUGMENTATIONS[name].side == pytest.approx((side, side))
        assert AUGMENTATIONS[name].random_crop and not AUGMENTATIONS[name].flip
    assert AUGMENTATIONS["flip"].area is None and AUGMENTATIONS["flip"].flip
    assert AUGMENTATIONS["none"].area is None and not AUGMENTATIONS["none"].flip


@pytest.mark.parametrize("name", ["resnet", "table3", "bigan"])
@pytest.mark.parametrize("shape", [(375, 500), (500, 375), (64, 64), (8, 8)])
def test_boxes_lie_inside_the_image(name, shape):
    height, width = shape
    top, left, box_height, box_width = _boxes(*shape, AUGMENTATIONS[name], 500).T
    assert min(top.min(), left.min()) >= 0 and min(box_height.min(), box_width.min()) >= 1
    assert (top + box_height <= height).all() and (left + box_width <= width).all()


def test_resnet_boxes_have_the_ranges_and_distribution_of_their_definition():
    height, width = 1000, 1000
    augmentation = AUGMENTATIONS["resnet"]
    top, left, box_height, box_width = _boxes(height, width, augmentation).T
    share = box_height * box_width / (height * width)
    log_aspect = np.log(box_width / box_height)
    assert 0.079 <= share.min() < 0.09 and 0.95 < share.max() <= 1.001
    assert np.abs(log_aspect).max() <= math.log(4 / 3) + 0.01
    # In a square image no box below area 3/4 is ever refused, so there the definition is
    # exact: area uniform, log aspect uniform and symmetric.
    small = share < 0.74
    assert np.mean(share[small]) == pytest.approx((0.08 + 0.74) / 2, abs=0.01)
    spread = 2 * math.log(4 / 3) / math.sqrt(12)
    assert np.mean(log_aspect[small]) == pytest.approx(0, abs=0.01)
    assert np.std(log_aspect[small]) == pytest.approx(spread, rel=0.03)
    # The position is uniform over the places that fit.
    assert np.mean(top[small] / (height - box_height[small])) == pytest.approx(0.5, abs=0.02)
    assert np.mean(left[small] / (width - box_width[small])) == pytest.approx(0.5, abs=0.02)


def test_table3_boxes_are_squares_of_at_least_half_the_area():
    boxes = _boxes(480, 500, AUGMENTATIONS["table3"])
    share = boxes[:, 2] * boxes[:, 3] / (480 * 500)
    np.testing.assert_array_equal(boxes[:, 2], boxes[:, 3])
    assert 0.498 <= share.min() < 0.51 and 0.95 < share.max() <= 480 / 500


@pytest.mark.parametrize("name, side", [("bigan", 160), ("bigan_e112", 158)])
def test_bigan_boxes_are_squares_of_a_fixed_share_of_the_short_side(name, side):
    # 8/9 and, rounded, 7/8 of 180; whichever side is the short one.
    for height, width in ((180, 300), (300, 180)):
        top, left, box_height, box_width = _boxes(height, width, AUGMENTATIONS[name]).T
        assert (box_height == side).all() and (box_width == side).all()
        for start, length in ((top, height), (left, width)):
            places, counts = np.unique(start, return_counts=True)
            np.testing.assert_array_equal(places, np.arange(length - side + 1))
            assert np.mean(start) == pytest.approx((length - side) / 2, rel=0.03)
            assert counts.min() > 0.5 * counts.mean() and counts.max() < 1.6 * counts.mean()


def test_ten_failures_give_the_centre_square():
    # No square of half the area fits into an image three times as wide as high.
    boxes = _boxes(100, 300, AUGMENTATIONS["table3"], 20)
    np.testing.assert_array_equal(boxes, [(0, 100, 100, 100)] * 20)
    rng = np.random.default_rng(0)
    assert sample_crop(31, 20, AUGMENTATIONS["none"], rng) == (5, 0, 20, 20)


@pytest.mark.parametrize("name, kernel", [
    ("resnet", Image.BICUBIC), ("table3", Image.BILINEAR), ("bigan", Image.BICUBIC),
])  # fmt: skip
@pytest.mark.parametrize("size", [32, 120, 300])
def test_random_crop_is_pillows_resize_of_the_box(name, kernel, size):
    # Values from whose edges bicubic does not overshoot 0..255: where it does, the order of the
    # two passes matters, as each of them clips.
    image, augmentation = _image(150, 200) // 2 + 64, AUGMENTATIONS[name]
    for seed in range(5):
        result = random_crop_resize(image, size, augmentation, np.random.default_rng(seed))
        box = sample_crop(150, 200, augmentation, np.random.default_rng(seed))
        top, left, height, width = box
        expected = Image.fromarray(image).crop((left, top, left + width, top + height))
        expected = np.asarray(expected.resize((size, size), kernel)).astype(int)
        mirrored = augmentation.flip and np.abs(result - expected[:, ::-1]).max() <= 2
        assert mirrored or np.abs(result - expected).max() <= 2


def _antialiased_bicubic(row: np.ndarray, size: int) -> np.ndarray:
    """Returns a row shrunk with Keys' kernel, a = -0.5, widened by the scale."""
    scale = len(row) / size
    centres = (np.arange(size) + 0.5) * scale
    x = np.abs((np.arange(len(row)) + 0.5 - centres[:, None]) / scale)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0))
    return weights @ row / weights.sum(1)


def test_bicubic_is_the_antialiased_keys_kernel():
    image = _image(96, 96, 1)
    columns = np.apply_along_axis(_antialiased_bicubic, 1, image[..., 0].astype(float), 24)
    # Pillow rounds between its two passes.
    columns = np.clip(np.rint(columns), 0, 255)
    expected = np.clip(np.apply_along_axis(_antialiased_bicubic, 0, columns, 24), 0, 255)
    difference = np.abs(center_crop(image, 24)[..., 0] - expected)
    assert difference.max() <= 1


def test_center_crop_keeps_an_image_of_the_right_size():
    for channels in (1, 3):
        image = _image(24, 24, channels)
        np.testing.assert_array_equal(center_crop(image, 24), image)
    wide = _image(24, 40)
    np.testing.assert_array_equal(center_crop(wide, 24), wide[:, 8:32])


def test_center_crop_resizes_the_short_side_and_cuts_the_middle():
    image = _image(100, 150)
    expected = np.asarray(Image.fromarray(image).resize((96, 64), Image.BICUBIC))[:, 16:80]
    np.testing.assert_array_equal(center_crop(image, 64), expected)
    upright = np.ascontiguousarray(image.transpose(1, 0, 2))
    expected = np.asarray(Image.fromarray(upright).resize((64, 96), Image.BICUBIC))[16:80]
    np.testing.assert_array_equal(center_crop(upright, 64), expected)


def test_center_crop_of_a_line_takes_little_memory():
    line = _image(2, 60_000)
    tracemalloc.start()
    found = center_crop(line, 256)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    expected = center_crop(line[:, 29_990:30_010], 256)
    assert found.shape == (256, 256, 3) and np.abs(found.astype(int) - expected).max() <= 1


def test_flip_mirrors_about_half_of_the_images_and_nothing_else():
    image, rng = _image(16, 16, 1), np.random.default_rng(3)
    results = [random_crop_resize(image, 16, AUGMENTATIONS["flip"], rng) for _ in range(400)]
    mirrored = [np.array_equal(result, image[:, ::-1]) for result in results]
    kept = [np.array_equal(result, image) for result in results]
    assert all(a or b for a, b in zip(mirrored, kept, strict=True))
    assert 150 < sum(mirrored) < 250
    result = random_crop_resize(image, 16, AUGMENTATIONS["none"], rng)
    np.testing.assert_array_equal(result, image)
