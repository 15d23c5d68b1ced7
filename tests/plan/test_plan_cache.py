"""Results that are kept."""

import json
from pathlib import Path

import pytest

from bigbigan_jax.plan.cache import Cache, default_folder


def test_what_is_written_is_read(tmp_path):
    cache = Cache(tmp_path / "deep" / "folder")
    path = cache.path("program", "v3:8x8")
    assert cache.read(path) is None
    cache.write(path, {"flops": 1.5, "fits": True})
    assert cache.read(path) == {"flops": 1.5, "fits": True}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_every_part_matters(tmp_path):
    cache = Cache(tmp_path)
    assert len({cache.path(*parts) for parts in [("a", "b"), ("ab", ""), ("b", "a"), ("a",)]}) == 4


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"result": {"flops": 2}, "sha256": "0"}'])
def test_a_damaged_result_is_no_result(tmp_path, damage):
    cache = Cache(tmp_path)
    path = cache.path("program")
    path.write_text(damage)
    assert cache.read(path) is None
    cache.write(path, {"flops": 1})
    assert cache.read(path) == {"flops": 1}


def test_a_flipped_digit_is_noticed(tmp_path):
    cache = Cache(tmp_path)
    path = cache.path("program")
    cache.write(path, {"flops": 123})
    path.write_text(path.read_text().replace("123", "124"))
    assert cache.read(path) is None


def test_nothing_is_left_of_what_cannot_be_written(tmp_path):
    cache = Cache(tmp_path)
    with pytest.raises(TypeError):
        cache.write(cache.path("program"), {"flops": object()})
    assert not list(tmp_path.iterdir())


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "bigbigan_jax" / "plan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "bigbigan_jax" / "plan"


def test_the_file_is_json(tmp_path):
    cache = Cache(tmp_path)
    path = cache.path("program")
    cache.write(path, {"flops": 1})
    assert json.loads(path.read_text())["result"] == {"flops": 1}
