"""A tiny data set prepared as ArrayRecord, and what is said about data that is not there."""

import io
import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from small_scenes import NAMES, SHOWN, prepare_scenes

from bigbigan_jax.data import (
    AUGMENTATIONS,
    DataError,
    NumberedSource,
    Source,
    class_presence,
    evaluation_batches,
    open_source,
    training_batches,
)


def _pixels(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (10 + index, 12, 3), np.uint8)


class BigbiganTiny(tfds.core.GeneratorBasedBuilder):
    """Twenty training and five test images of three classes."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(num_classes=3),
            "file_name": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(20), "test": self._generate_examples(5)}

    def _generate_examples(self, count):
        for index in range(count):
            data = cv2.imencode(".png", _pixels(index)[..., ::-1])[1].tobytes()
            name = f"{index}.png"
            yield index, {"image": io.BytesIO(data), "label": index % 3, "file_name": name}


class BigbiganSounds(tfds.core.GeneratorBasedBuilder):
    """A set without images."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict({"pitch": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        yield 0, {"pitch": 440}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> str:
    """Returns a folder in which all sets are prepared."""
    folder = str(tmp_path_factory.mktemp("tfds"))
    for builder in (BigbiganTiny, BigbiganSounds):
        builder(data_dir=folder, file_format="array_record").download_and_prepare()
    prepare_scenes(folder)
    return folder


def _open(data_dir: str, split: str = "train") -> Source:
    return open_source("bigbigan_tiny", split, data_dir)


def test_records_are_encoded_images_and_labels(data_dir):
    source = _open(data_dir)
    assert isinstance(source, Source)
    assert (source.name, source.split, source.num_classes) == ("bigbigan_tiny", "train", 3)
    assert (len(source), len(_open(data_dir, "test"))) == (20, 5)
    found = set()
    for index in range(20):
        record = source[index]
        assert isinstance(record["image"], bytes) and isinstance(record["label"], int)
        pixels = cv2.imdecode(np.frombuffer(record["image"], np.uint8), cv2.IMREAD_COLOR_RGB)
        number = len(pixels) - 10
        np.testing.assert_array_equal(pixels, _pixels(number))
        assert (record["label"], record["key"]) == (number % 3, f"{number}.png")
        found.add(number)
    assert found == set(range(20))


def test_slices_and_fingerprints(data_dir):
    assert len(_open(data_dir, "train[:90%]")) == 18
    splits = ("train", "train[:90%]", "train[10%:]", "test")
    prints = {_open(data_dir, split).fingerprint for split in splits}
    assert len(prints) == 4
    assert _open(data_dir).fingerprint == _open(data_dir).fingerprint
    versioned = open_source("bigbigan_tiny:1.0.0", "train", data_dir)
    assert versioned.fingerprint == _open(data_dir).fingerprint


def test_pickles_are_small_and_open_the_files_again(data_dir):
    source = _open(data_dir)
    data = pickle.dumps(source)
    assert len(data) < 20_000
    assert pickle.loads(data)[3] == source[3]


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_from_files(data_dir, workers):
    batches = training_batches(
        _open(data_dir),
        image_size=16,
        channels=3,
        augmentation=AUGMENTATIONS["table3"],
        batch_size=4,
        batches_per_step=2,
        seed=0,
        start_step=1,
        workers=workers,
    )
    step = next(batches)
    batches.close()
    assert step["image"].shape == (2, 4, 16, 16, 3) and set(step["label"].flat) <= {0, 1, 2}
    source = _open(data_dir, "test")
    (batch,) = evaluation_batches(source, image_size=10, channels=3, batch_size=8)
    assert batch["label"].tolist() == [source[index]["label"] for index in range(5)]


def test_reading_needs_no_tensorflow(data_dir):
    code = (
        "from bigbigan_jax.data import open_source\n"
        f"open_source('bigbigan_tiny', 'train', {data_dir!r})[0]\n"
        "assert 'tensorflow' not in sys.modules"
    )
    path = f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}\n"
    subprocess.run([sys.executable, "-c", path + code], check=True, timeout=60)


def test_an_unknown_name_gives_close_ones(data_dir):
    with pytest.raises(DataError, match="'cifar1O'.*'cifar10'.*none is in " + data_dir):
        open_source("cifar1O", "train", data_dir)
    with pytest.raises(DataError, match="'digit'.*'digits'"):
        open_source("digit", "train", data_dir)


def test_a_set_that_is_not_prepared_tells_how(tmp_path):
    with pytest.raises(DataError) as caught:
        open_source("cifar10", "train", str(tmp_path))
    message = str(caught.value)
    assert f"not prepared in {tmp_path}/cifar10/" in message and "\n" not in message
    call = f"python -m bigbigan_jax.prepare cifar10 --data_dir={tmp_path}"
    assert message.endswith(call)
    (tmp_path / "cifar10" / "1.2.3").mkdir(parents=True)
    with pytest.raises(DataError, match="other versions are there: 1.2.3"):
        open_source("cifar10", "train", str(tmp_path))


def test_wrong_versions_configurations_and_splits(data_dir):
    with pytest.raises(DataError, match="cannot open 'imagenet2012:9.9.9'.*only: 5"):
        open_source("imagenet2012:9.9.9", "train", data_dir)
    with pytest.raises(DataError, match="cannot open 'imagenet_resized/7x7'.*BuilderConfig 7x7"):
        open_source("imagenet_resized/7x7", "train", data_dir)
    for split in ("validation", "train[:lots]"):
        with pytest.raises(DataError, match=r"has no split .*\['test', 'train'\]"):
            _open(data_dir, split)


def test_tfrecord_data_is_refused_with_the_way_out(tmp_path):
    builder = BigbiganTiny(data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare()
    # TensorFlow alone writes TFRecord, so only the description is made to say it.
    folder = tmp_path / "bigbigan_tiny" / "1.0.0"
    info = folder / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(DataError, match=r"prepared as \['tfrecord'\].*another data_dir"):
        _open(str(tmp_path))


def test_a_set_without_images_is_refused(data_dir):
    with pytest.raises(DataError, match=r'no image field "image"; its fields are \[\'pitch\'\]'):
        open_source("bigbigan_sounds", "train", data_dir)


def test_what_images_show(data_dir):
    source = open_source("bigbigan_scenes", "train", data_dir)
    presence, names = class_presence(source)
    assert names == NAMES and source.num_classes is None and presence.shape == (3, 3)
    for index, row in enumerate(presence):
        image = cv2.imdecode(np.frombuffer(source[index]["image"], np.uint8), cv2.IMREAD_COLOR)
        listed, easy = SHOWN[len(image)]
        assert row.tolist() == [1 if n in easy else -1 if n in listed else 0 for n in NAMES]
    numbered = NumberedSource(source)
    assert (len(numbered), numbered.num_classes, numbered[2]["label"]) == (3, 3, 2)
    with pytest.raises(DataError, match="does not list the classes.*no field 'labels'"):
        class_presence(_open(data_dir))
    with pytest.raises(DataError, match="digits does not list the classes"):
        class_presence(open_source("digits", "train"))
