"""Sets of TensorFlow Datasets by name."""

import pytest
import tensorflow_datasets as tfds
from image_trees import image_bytes, without_tensorflow

from bigbigan_jax.prepare import tfds_set
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.tfds_set import prepare_tfds


class PreparedStripes(tfds.core.GeneratorBasedBuilder):
    """Four images that need neither network nor TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None
    fails = None

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "label": tfds.features.ClassLabel(num_classes=2),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        if self.fails:
            raise self.fails
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(4):
            path = self.data_path / f"{i}.png"
            path.write_bytes(image_bytes(i))
            yield i, {"image": str(path), "label": i % 2}


def test_a_set_is_prepared_once(tmp_path, capsys):
    prepare_tfds("prepared_stripes", str(tmp_path))
    assert "train: 4 images\nclasses: 2\n" in capsys.readouterr().out
    prepare_tfds("prepared_stripes", str(tmp_path))
    assert "is there already: left alone" in capsys.readouterr().out


def test_names_that_are_not_known(tmp_path):
    with pytest.raises(PrepareError, match=r"no data set is called 'cifar1O'.*'cifar10'"):
        prepare_tfds("cifar1O", str(tmp_path))
    with pytest.raises(PrepareError, match="BuilderConfig 7x7"):
        prepare_tfds("imagenet_resized/7x7", str(tmp_path))
    with pytest.raises(PrepareError, match="needs no preparation"):
        prepare_tfds("digits", str(tmp_path))


@without_tensorflow
def test_tensorflow_is_missing(tmp_path, capsys):
    with pytest.raises(
        PrepareError, match=r"cifar10 needs TensorFlow.*pip install -e '\.\[prepare"
    ):
        prepare_tfds("cifar10", str(tmp_path))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            AssertionError("download it\nby hand"),
            "cannot prepare .*: AssertionError: download it by hand$",
        ),
        (type("Timeout", (OSError,), {"__module__": "requests"})("no answer"), "cannot download"),
    ],
)
def test_whatever_a_set_raises_is_one_line(tmp_path, monkeypatch, error, words):
    monkeypatch.setattr(PreparedStripes, "fails", error)
    with pytest.raises(PrepareError, match=words):
        prepare_tfds("prepared_stripes", str(tmp_path))
    assert not (tmp_path / "prepared_stripes").exists()


def test_hosts_out_of_reach_are_named_early(tmp_path, monkeypatch, capsys):
    builder = PreparedStripes(data_dir=str(tmp_path))
    monkeypatch.setattr(tfds_set.urllib.request, "getproxies", dict)
    monkeypatch.setattr(PreparedStripes, "url_infos", {"https://nowhere.invalid/a.tar": None})
    tfds_set._warn_without_network(builder)
    assert capsys.readouterr().err.startswith("nowhere.invalid cannot be reached: unless")
