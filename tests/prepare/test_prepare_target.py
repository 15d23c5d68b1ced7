"""The folder that data goes to: names, locks, leftovers and room."""

import os
import shutil
import time

import pytest

from bigbigan_jax.prepare import target
from bigbigan_jax.prepare.errors import PrepareError


@pytest.mark.parametrize("name", ["my_photographs", "a1"])
def test_good_names(name):
    target.check_new_name(name)


@pytest.mark.parametrize("name", ["", "My-Photos", "1st", "a b", "a/b", "a:1.0.0", "été"])
def test_names_that_tensorflow_datasets_would_not_read(name):
    with pytest.raises(PrepareError, match="lower-case letters, digits and _"):
        target.check_new_name(name)


@pytest.mark.parametrize("name", ["digits", "mnist", "imagenette"])
def test_names_of_known_sets(name):
    with pytest.raises(PrepareError, match=f"such as my_{name}"):
        target.check_new_name(name)


def test_the_folder_of_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert target.local_data_dir("sets") == tmp_path / "sets"
    assert target.local_data_dir(None).is_absolute()
    (tmp_path / "file").touch()
    with pytest.raises(PrepareError, match="this is a file"):
        target.local_data_dir("file")
    with pytest.raises(PrepareError, match="gs://bucket/sets: data is prepared in a local folder"):
        target.local_data_dir("gs://bucket/sets")


def test_one_process_at_a_time(tmp_path):
    folder = tmp_path / "sets" / "mine"
    with target.locked(folder):
        second = target.locked(folder)
        with pytest.raises(PrepareError, match="another process is preparing into"):
            second.__enter__()
        (folder / "data").touch()
    assert os.listdir(folder) == ["data"]
    (folder / "data").unlink()
    with target.locked(folder):
        pass
    assert not folder.exists()


def test_leftovers_are_removed_and_told(tmp_path, capsys):
    left = tmp_path / "incomplete.ABCDEF_1.0.0"
    left.mkdir()
    (left / "part").write_bytes(bytes(3 << 20))
    (tmp_path / "1.0.0").mkdir()
    target.remove_leftovers(tmp_path, idle=600.0)
    assert left.exists() and "maybe by a running process" in capsys.readouterr().out
    for path in (left, left / "part"):
        os.utime(path, (time.time() - 700,) * 2)
    target.remove_leftovers(tmp_path, idle=600.0)
    assert os.listdir(tmp_path) == ["1.0.0"]
    assert f"{left} (3 MiB)" in capsys.readouterr().out
    target.remove_leftovers(tmp_path / "nowhere")


def test_room_on_the_disk(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    target.check_space(tmp_path / "new" / "set", 0, "nothing")
    with pytest.raises(PrepareError, match=r"GiB free, and .* GiB are needed: as the images"):
        target.check_space(tmp_path / "new" / "set", free, "as the images")


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (1 << 41, "2,048.0 GiB")],
)
def test_sizes_in_words(size, words):
    assert target.in_words(size) == words
