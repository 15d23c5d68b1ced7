"""From a folder to a set that another process reads, and what is refused."""

import subprocess
import sys

import pytest
from image_trees import image_bytes, make_tree

from bigbigan_jax.data import open_source
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.folder import prepare_folder

_SPLITS = [
    "train/cat/1.png",
    "train/cat/2.jpg",
    "train/dog/3.webp",
    "val/ant/1.png",
    "val/cat/2.png",
]


@pytest.fixture
def photographs(tmp_path):
    """Returns a folder with splits and classes, and the bytes by name."""
    return tmp_path / "photographs", make_tree(tmp_path / "photographs", _SPLITS)


def _read(name, split, data_dir):
    source = open_source(name, split, str(data_dir))
    return {record["key"]: record for record in map(source.__getitem__, range(len(source)))}


def test_a_round_trip_with_a_class_missing_in_each_split(tmp_path, photographs, capsys):
    root, tree = photographs
    prepare_folder(str(root), "pets", str(tmp_path))
    out = capsys.readouterr().out
    assert "layout split/class; 3 classes; images: train 3, val 2" in out
    assert "split train has no image of 1 classes: ant" in out
    assert "train: 3 images\nval: 2 images\nclasses: 3\n" in out
    number = {"ant": 0, "cat": 1, "dog": 2}
    for split in ("train", "val"):
        expected = {name: data for name, data in tree.items() if name.startswith(split)}
        records = _read("pets", split, tmp_path)
        assert {f"{split}/{key}": record["image"] for key, record in records.items()} == expected
        assert all(record["label"] == number[key[:3]] for key, record in records.items())


def test_another_process_reads_it_without_tensorflow(tmp_path, photographs):
    prepare_folder(str(photographs[0]), "pets", str(tmp_path))
    code = (
        f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}\n"
        "from bigbigan_jax.data import open_source, decode\n"
        f"source = open_source('pets', 'train', {str(tmp_path)!r})\n"
        "assert len(source) == 3 and source.num_classes == 3\n"
        "assert decode(source[0]['image'], 3).shape == (12, 14, 3)\n"
        "assert 'tensorflow' not in sys.modules\n"
        "assert not any(name.startswith('bigbigan_jax.prepare') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("names", [["train/1.png", "val/2.jpg"], ["1.png", "2.jpg"]])
def test_without_classes(tmp_path, names):
    tree = make_tree(tmp_path / "images", names)
    prepare_folder(str(tmp_path / "images"), "unlabeled", str(tmp_path))
    source = open_source("unlabeled", "train", str(tmp_path))
    assert source.num_classes is None and "label" not in source[0]
    images = {source[i]["image"] for i in range(len(source))}
    assert images == {data for name, data in tree.items() if len(names[0]) < 8 or "train" in name}


def test_unreadable_images_are_left_out_and_named(tmp_path, photographs, capsys):
    root, tree = photographs
    (root / "train/cat/bad\n1.png").write_bytes(tree["train/cat/1.png"][:200])
    (root / "val/ant/empty.jpg").touch()
    (root / "train/dog/renamed.jpg").write_bytes(image_bytes(9, ".png"))
    with pytest.raises(PrepareError, match=r"2 of 8 images .* a share of 0.01") as caught:
        prepare_folder(str(root), "pets", str(tmp_path))
    assert not (tmp_path / "pets").exists()
    assert "val/ant/empty.jpg\tis empty\n" in (tmp_path / "pets.unreadable.txt").read_text()
    assert str(tmp_path / "pets.unreadable.txt") in str(caught.value)
    prepare_folder(str(root), "pets", str(tmp_path), max_unreadable=0.5)
    report = (tmp_path / "pets/1.0.0/unreadable.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in report] == [
        r"train/cat/bad\n1.png",
        "val/ant/empty.jpg",
    ]
    assert not (tmp_path / "pets.unreadable.txt").exists()
    assert "2 images cannot be read and were left out" in capsys.readouterr().out
    assert set(_read("pets", "train", tmp_path)) == {
        "cat/1.png", "cat/2.jpg", "dog/3.webp", "dog/renamed.jpg"
    }  # fmt: skip


def test_a_set_that_is_there_is_never_changed(tmp_path, photographs, capsys):
    root, _ = photographs
    prepare_folder(str(root), "pets", str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "pets").rglob("*")}
    prepare_folder(str(root), "pets", str(tmp_path))
    assert "from the same files: nothing to do" in capsys.readouterr().out
    make_tree(root, ["val/dog/9.png"])
    with pytest.raises(PrepareError, match="is there already, from other files"):
        prepare_folder(str(root), "pets", str(tmp_path))
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "pets").rglob("*")}


def test_what_a_killed_try_left_is_removed(tmp_path, photographs, capsys):
    left = tmp_path / "pets" / "incomplete.AAAAAA_1.0.0"
    left.mkdir(parents=True)
    (left / "pets-train.array_record-00000-of-00001").write_bytes(bytes(100))
    prepare_folder(str(photographs[0]), "pets", str(tmp_path))
    assert f"removed what an earlier try left: {left} (100 B)" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "pets").iterdir()] == ["1.0.0"]


def test_no_image_of_a_split_can_be_read(tmp_path, photographs):
    root, _ = photographs
    for path in (root / "val").rglob("*.png"):
        path.write_bytes(b"-")
    with pytest.raises(PrepareError, match="no image of split 'val' can be read"):
        prepare_folder(str(root), "pets", str(tmp_path), max_unreadable=0.9)
    assert not (tmp_path / "pets").exists()
