"""Contact sheets, pixel by pixel."""

import cv2
import numpy as np
from etils import epath

from bigbigan_jax import sheets


def flat_images(values, side, channels=3):
    return np.stack([np.full((side, side, channels), value, np.uint8) for value in values])


def test_rows_of_eight_with_white_between_and_after():
    sheet = sheets.grid(flat_images(range(9), 48))
    assert sheet.shape == (2 * 48 + 2, 8 * 48 + 7 * 2, 3) and sheet.dtype == np.uint8
    expected = np.full_like(sheet, 255)
    for i in range(9):
        top, left = 50 * (i // 8), 50 * (i % 8)
        expected[top : top + 48, left : left + 48] = i
    np.testing.assert_array_equal(sheet, expected)


def test_small_grey_images_are_enlarged_by_whole_factors_and_coloured():
    image = np.arange(20 * 20, dtype=np.uint16).astype(np.uint8).reshape(1, 20, 20, 1)
    sheet = sheets.grid(image)
    expected = image[0].repeat(3, axis=0).repeat(3, axis=1).repeat(3, axis=2)
    np.testing.assert_array_equal(sheet[:60, :60], expected)
    assert sheet.shape == (60, 8 * 60 + 7 * 2, 3) and (sheet[:, 60:] == 255).all()


def test_reconstructions_stand_below_their_images():
    images, reconstructions = flat_images(range(10), 96), flat_images(range(100, 110), 48)
    sheet = sheets.pairs(images, reconstructions)
    corners = sheet[::50, ::50, 0]
    assert corners.tolist() == [
        [*range(8)],
        [*range(100, 108)],
        [8, 9, *[255] * 6],
        [108, 109, *[255] * 6],
    ]


def test_larger_images_are_averaged_to_the_size_of_their_reconstructions():
    cells = np.array([[0, 100], [50, 150]], np.uint8)
    image = np.tile(cells, (48, 48))[None, :, :, None]
    sheet = sheets.pairs(image, flat_images([7], 48, channels=1))
    assert (sheet[:48, :48] == 75).all() and (sheet[50:, :48] == 7).all()


def test_png_is_rgb_and_its_folder_is_made(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    path = epath.Path(tmp_path) / "new" / "sheet.png"
    sheets.write_png(path, image)
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], image)
