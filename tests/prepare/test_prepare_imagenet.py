"""ImageNet look-alikes through the builder of TensorFlow Datasets, and what survives a kill."""

import os
import shutil

import pytest
import tensorflow_datasets as tfds
from image_trees import needs_tensorflow, without_tensorflow
from official_tars import make_train, make_validation

from bigbigan_jax.data import open_source
from bigbigan_jax.prepare import imagenet
from bigbigan_jax.prepare.census import Census
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.imagenet import prepare_imagenet


@pytest.fixture
def tars(tmp_path):
    """Returns a folder with both tars, and the class by file name, by split."""
    folder = tmp_path / "tars"
    return folder, {"train": make_train(folder), "validation": make_validation(folder)}


class _Killed(BaseException):
    """Stands for the end of the process."""


def _prepare(tars, data_dir):
    prepare_imagenet(str(tars), str(data_dir), partial=True)


def _labels(data_dir):
    names = tfds.builder("imagenet2012", data_dir=str(data_dir)).info.features["label"].names
    sources = {
        split: open_source("imagenet2012", split, str(data_dir))
        for split in ("train", "validation")
    }
    return {
        split: {source[i]["key"]: names[source[i]["label"]] for i in range(len(source))}
        for split, source in sources.items()
    }


@without_tensorflow
def test_without_tensorflow(tmp_path):
    with pytest.raises(PrepareError, match=r"pip install -e '\.\[prepare\]'"):
        _prepare(tmp_path, tmp_path / "sets")


@needs_tensorflow
def test_labels_of_a_part_are_right(tmp_path, tars, capsys):
    _prepare(tars[0], tmp_path / "sets")
    assert _labels(tmp_path / "sets") == tars[1]
    out = capsys.readouterr().out
    assert "train: 12 images\nvalidation: 6 images\nclasses: 3\n" in out
    assert "these are not the official numbers" in out
    assert os.listdir(tmp_path / "sets") == ["imagenet2012"]
    assert os.listdir(tmp_path / "sets/imagenet2012") == ["5.1.0"]
    _prepare(tars[0], tmp_path / "sets")
    assert "(train 12, validation 6 images): left alone" in capsys.readouterr().out
    with pytest.raises(PrepareError, match="a part of ImageNet; take another --data_dir"):
        prepare_imagenet(str(tars[0]), str(tmp_path / "sets"))


@needs_tensorflow
def test_finished_splits_survive(tmp_path, tars, monkeypatch, capsys):
    build, built = imagenet.build_split, []

    def build_then_die(tar, data_dir):
        if tar.split == "train" and not built.count("train"):
            built.append("train")
            left = data_dir / "imagenet2012" / "incomplete.AAAAAA_5.1.0"
            left.mkdir(parents=True)
            (left / "bucket.tmp").write_bytes(bytes(2048))
            raise _Killed
        built.append(tar.split)
        build(tar, data_dir)

    monkeypatch.setattr(imagenet, "build_split", build_then_die)
    with pytest.raises(_Killed):
        _prepare(tars[0], tmp_path)
    assert not (tmp_path / "imagenet2012/5.1.0").exists()
    capsys.readouterr()
    _prepare(tars[0], tmp_path)
    out = capsys.readouterr().out
    assert built == ["validation", "train", "train"]
    assert "validation: complete from an earlier try" in out
    assert "incomplete.AAAAAA_5.1.0 (2 KiB)" in out
    assert _labels(tmp_path) == tars[1]


@needs_tensorflow
@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_kill_while_splits_are_put_together(tmp_path, tars, monkeypatch, moved):
    replace, calls = os.replace, []

    def replace_then_die(*paths):
        if "merged" in str(paths[1]):
            if len(calls) == moved:
                raise _Killed
            calls.append(paths)
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(imagenet.os, "replace", replace_then_die)
        if moved < 2:
            with pytest.raises(_Killed):
                _prepare(tars[0], tmp_path)
        else:  # between the last move and the clearing up
            patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
            _prepare(tars[0], tmp_path)
            assert len(os.listdir(tmp_path / "imagenet2012")) == 2
    monkeypatch.setattr(imagenet, "build_split", None)
    _prepare(tars[0], tmp_path)
    assert _labels(tmp_path) == tars[1]
    assert os.listdir(tmp_path / "imagenet2012") == ["5.1.0"]


@needs_tensorflow
def test_splits_from_other_tars_are_not_kept(tmp_path, tars, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(imagenet, "_merge", None)
        with pytest.raises(TypeError):
            _prepare(tars[0], tmp_path)
    labels = make_train(tars[0], per_class=5)
    _prepare(tars[0], tmp_path)
    assert "it was made from other tars" in capsys.readouterr().out
    assert _labels(tmp_path)["train"] == labels


def test_the_official_numbers(tmp_path, capsys):
    # The numbers by class do not matter here, and are not these.
    train = {str(i): 1281 + (i < 167) for i in range(1000)}
    official = Census({"train": train, "validation": dict.fromkeys(train, 50)})
    imagenet._compare(official, tmp_path, partial=False)
    assert "these are the official numbers" in capsys.readouterr().out
    less = Census({"train": train | {"0": 1281}, "validation": dict.fromkeys(train, 50)})
    with pytest.raises(PrepareError, match="not the official numbers .train 1,281,167"):
        imagenet._compare(less, tmp_path, partial=False)


def test_something_else_in_its_place(tmp_path):
    (tmp_path / "imagenet2012/5.1.0").mkdir(parents=True)
    with pytest.raises(PrepareError, match="is there already, but it is not a set in ArrayRecord"):
        _prepare(tmp_path, tmp_path)
