"""Packed images come back byte by byte, in any number of shards."""

import pytest
import tensorflow_datasets as tfds
from image_trees import make_tree

from bigbigan_jax.data import open_source
from bigbigan_jax.prepare import packing
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.image_files import list_images
from bigbigan_jax.prepare.layout import arrange


def _pack(root, name, data_dir):
    return packing.pack(name, arrange(list_images(str(root)).images), data_dir, {"note.txt": "é"})


def _records(name, split, data_dir):
    source = open_source(name, split, str(data_dir))
    return [
        (record["key"], record["image"]) for record in map(source.__getitem__, range(len(source)))
    ]


def test_bytes_and_order_do_not_depend_on_shards(tmp_path, monkeypatch):
    names = [f"{i:02}.{('jpg', 'png', 'webp')[i % 3]}" for i in range(30)]
    tree = make_tree(tmp_path / "tree", names)
    builder = _pack(tmp_path / "tree", "one_shard", tmp_path)
    assert (tmp_path / "one_shard/1.0.0/note.txt").read_text(encoding="utf-8") == "é"
    assert builder.info.splits["train"].num_shards == 1
    records = _records("one_shard", "train", tmp_path)
    assert dict(records) == tree and [name for name, _ in records] != names
    monkeypatch.setattr(packing, "_SHARD_BYTES", 2000)
    builder = _pack(tmp_path / "tree", "many_shards", tmp_path)
    assert builder.info.splits["train"].num_shards > 5
    assert _records("many_shards", "train", tmp_path) == records
    first = open_source("one_shard", "train[:10%]", str(tmp_path))
    assert [first[i]["key"] for i in range(3)] == [name for name, _ in records[:3]]


def test_nothing_else_is_left(tmp_path, capsys):
    make_tree(tmp_path / "tree", ["a/1.png", "b/2.png"])
    _pack(tmp_path / "tree", "classes", tmp_path / "sets")
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["classes"]
    assert [path.name for path in (tmp_path / "sets/classes").iterdir()] == ["1.0.0"]
    assert capsys.readouterr() == ("", "")
    builder = tfds.builder("classes", data_dir=str(tmp_path / "sets"))
    assert builder.info.features["label"].names == ["a", "b"]


def test_an_image_that_vanishes_leaves_nothing(tmp_path):
    make_tree(tmp_path / "tree", ["a/1.png", "b/2.png"])
    arrangement = arrange(list_images(str(tmp_path / "tree")).images)
    (tmp_path / "tree/b/2.png").unlink()
    with pytest.raises(PrepareError, match=r"cannot make .*/classes/1.0.0: .*b/2.png") as caught:
        packing.pack("classes", arrangement, tmp_path, {})
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "classes").iterdir()) == []
