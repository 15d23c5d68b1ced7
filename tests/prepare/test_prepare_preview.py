"""The picture of training crops."""

import cv2
import numpy as np
import pytest
from image_trees import make_tree

from bigbigan_jax.data import DataError
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.folder import prepare_folder
from bigbigan_jax.prepare.preview import COLUMNS, ROWS, sheet, write_preview


def test_crops_lie_in_rows():
    crops = np.arange(ROWS * COLUMNS, dtype=np.uint8)[:, None, None, None]
    picture = sheet(np.broadcast_to(crops, (ROWS * COLUMNS, 4, 4, 3)))
    assert picture.shape == (ROWS * 6 - 2, COLUMNS * 6 - 2, 3)
    assert picture[6, 12].tolist() == [COLUMNS + 2] * 3 and picture[5].min() == 255


def test_a_preview_of_a_set(tmp_path):
    make_tree(tmp_path / "images", [f"val/{i}.png" for i in range(3)])
    prepare_folder(str(tmp_path / "images"), "few", str(tmp_path))
    path = tmp_path / "pictures" / "few.png"
    write_preview(str(path), "few", str(tmp_path), size=16, split="val")
    picture = cv2.imread(str(path))
    assert picture.shape == (ROWS * 18 - 2, COLUMNS * 18 - 2, 3) and picture.std() > 20
    with pytest.raises(DataError, match="no split 'train'"):
        write_preview(str(path), "few", str(tmp_path))
    with pytest.raises(PrepareError, match=r"--preview=/dev/null/x.png: cannot be written"):
        write_preview("/dev/null/x.png", "few", str(tmp_path), size=16, split="val")
