"""The lock between processes, where it is not simply free or taken."""

import errno
import fcntl

import pytest

from bigbigan_jax.locks import held


def test_a_file_that_its_holder_removes_meanwhile_is_not_held(tmp_path, monkeypatch):
    path, flock = tmp_path / "lock", fcntl.flock

    def late(*arguments):
        path.unlink()
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(BlockingIOError, match="just removed"):
        held(path).__enter__()


def test_without_locks_everyone_gets_it(tmp_path, monkeypatch):
    def refused(*arguments):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refused)
    with held(tmp_path / "lock"), held(tmp_path / "lock"):
        pass
    assert not any(tmp_path.iterdir())
