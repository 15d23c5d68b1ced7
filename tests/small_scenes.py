"""A tiny data set whose images list what they show, as PASCAL VOC's do."""

import io

import cv2
import numpy as np
import tensorflow_datasets as tfds

# By the height of the image: the classes it shows, and those not only by what is difficult.
SHOWN = {10: (["cat"], ["cat"]), 11: (["cat", "dog"], ["dog"]), 12: ([], [])}
NAMES = ["bird", "cat", "dog"]


class BigbiganScenes(tfds.core.GeneratorBasedBuilder):
    """Three images of noise."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "labels": tfds.features.Sequence(tfds.features.ClassLabel(names=NAMES)),
            "labels_no_difficult": tfds.features.Sequence(tfds.features.ClassLabel(names=NAMES)),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for height, (labels, easy) in SHOWN.items():
            pixels = np.random.default_rng(height).integers(0, 256, (height, 12, 3), np.uint8)
            data = io.BytesIO(cv2.imencode(".png", pixels)[1].tobytes())
            yield height, {"image": data, "labels": labels, "labels_no_difficult": easy}


def prepare_scenes(folder: str) -> None:
    """Prepares the set as ArrayRecord."""
    BigbiganScenes(data_dir=folder, file_format="array_record").download_and_prepare()
