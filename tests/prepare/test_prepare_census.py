"""Counts by split and class, and their digest."""

from image_trees import make_tree

from bigbigan_jax.prepare.census import Census, take_census
from bigbigan_jax.prepare.image_files import list_images
from bigbigan_jax.prepare.layout import arrange
from bigbigan_jax.prepare.packing import pack


def _census(tmp_path, name, files):
    make_tree(tmp_path / f"tree_{name}", files)
    arrangement = arrange(list_images(str(tmp_path / f"tree_{name}")).images)
    return take_census(pack(name, arrangement, tmp_path, {}))


def test_what_a_set_holds(tmp_path):
    files = ["train/cat/1.png", "train/dog/2.png", "train/dog/3.png", "val/cat/4.png"]
    census = _census(tmp_path, "labeled", files)
    assert census.counts == {"train": {"cat": 1, "dog": 2}, "val": {"cat": 1}}
    assert (census.total("train"), census.total("test"), census.classes()) == (3, 0, 2)
    assert census.describe().splitlines()[:3] == ["train: 3 images", "val: 1 images", "classes: 2"]
    unlabeled = _census(tmp_path, "unlabeled", ["1.png", "2.png"])
    assert unlabeled.counts == {"train": {None: 2}}
    assert "no classes" in unlabeled.describe()


def test_the_digest_is_that_of_the_counts_alone():
    digest = Census({"train": {"cat": 1, "dog": 2}, "val": {"cat": 1}}).digest()
    assert digest == Census({"val": {"cat": 1}, "train": {"dog": 2, "cat": 1}}).digest()
    assert digest == "ecc10b5afecef7a3"
    for other in ({"train": {"cat": 2, "dog": 1}, "val": {"cat": 1}}, {"train": {None: 4}}):
        assert Census(other).digest() != digest
