"""Statistics of real images, kept on disk."""

import numpy as np
import pytest
from pixel_features import PixelFeatures

from bigbigan_jax.data import ArraySource
from bigbigan_jax.evaluate.references import reference_of


@pytest.fixture(scope="module")
def source():
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 3), np.uint8)
    return ArraySource("pixels", "train", images)


class Shown:
    """Counts how often images are read."""

    def __init__(self):
        self.calls = 0

    def __call__(self, batches, count, text):
        self.calls += 1
        return batches


def test_it_is_read_once_and_made_anew_when_damaged_or_other(source, tmp_path, caplog):
    shown, features = Shown(), PixelFeatures()

    def reference(keep=20):
        return reference_of(source, 2, 3, features, keep, tmp_path, shown)

    first = reference()
    assert (first.name, first.count, first.kept.shape) == ("train", 60, (20, 64))
    assert first.about == "pixels train, 60 images, short side to 2 px, centre"
    again = reference()
    assert shown.calls == 1
    assert again.frechet[64].distance(first.frechet[64].moments) < 1e-6
    np.testing.assert_array_equal(again.kept, first.kept)
    (file,) = tmp_path.iterdir()
    for content in (file.read_bytes()[:500], b""):
        file.write_bytes(content)
        np.testing.assert_array_equal(reference().kept, first.kept)
    assert shown.calls == 3 and "is damaged" in caplog.text
    assert reference(keep=30).kept.shape == (30, 64)
    features.fingerprint = "other weights"
    reference()
    assert shown.calls == 5 and len(list(tmp_path.iterdir())) == 3
