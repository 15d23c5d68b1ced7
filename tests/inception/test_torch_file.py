"""Tensors out of PyTorch's files, and nothing else."""

import contextlib
import pickle
import zipfile

import numpy as np
import pytest
from torch_files import write_stream, write_zip

from bigbigan_jax.inception import WeightsError, torch_file
from bigbigan_jax.inception.torch_file import read_torch_file

ARRAYS = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a.steps": np.array(7, np.int64),
    "b": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("write", [write_zip, write_stream])
def test_reads_both_formats(tmp_path, write):
    write(tmp_path / "x.pth", ARRAYS)
    found = read_torch_file(tmp_path / "x.pth")
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("write", [write_zip, write_stream])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_one_line(tmp_path, write, share):
    path = tmp_path / "x.pth"
    write(path, {"a": np.ones(1000, np.float32), "b": np.ones(1000, np.float32)})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError, match="x.pth: damaged or not a PyTorch file") as caught:
        read_torch_file(path)
    assert "\n" not in str(caught.value)


class _Malicious:
    def __reduce__(self):
        return print, ("run!",)


def test_runs_nothing_of_what_is_in_a_file(tmp_path, capsys):
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": _Malicious()}))
    with pytest.raises(WeightsError, match="asks for builtins.print; only a dictionary"):
        read_torch_file(path)
    assert capsys.readouterr().out == ""


def test_no_tensor_reaches_beyond_its_storage(tmp_path):
    path = tmp_path / "x.pth"
    write_zip(path, {"a": np.ones(8, np.float32)})
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("archive/data.pkl")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", np.ones(4, np.float32).tobytes())
    with pytest.raises(WeightsError, match="x.pth: damaged .* larger than its storage"):
        read_torch_file(path)


@pytest.mark.parametrize("write", [write_zip, write_stream])
def test_whatever_is_flipped_it_is_one_line_or_a_value(tmp_path, write):
    path, rng = tmp_path / "x.pth", np.random.default_rng(0)
    write(path, {"a": np.ones(9, np.float32), "b": np.ones((2, 2), np.float32)})
    content = path.read_bytes()
    for _ in range(300):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with contextlib.suppress(WeightsError, OSError):
            read_torch_file(path)


def test_a_tensor_is_no_larger_than_its_storage(tmp_path):
    repeated = np.lib.stride_tricks.as_strided(np.ones(1, np.float32), (10**6, 10**6), (0, 0))
    tensor = torch_file._Tensor(torch_file._Storage("0", "<f4"), 0, repeated.shape, (0, 0))
    with pytest.raises(ValueError, match="larger than its storage"):
        tensor.of(np.ones(1, np.float32))
    shifted = torch_file._Tensor(torch_file._Storage("0", "<f4"), 3, (2,), (1,))
    with pytest.raises(ValueError, match="reaches beyond its storage"):
        shifted.of(np.ones(4, np.float32))


def test_other_files_are_one_line(tmp_path):
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(WeightsError, match="text.pth: damaged or not a PyTorch file"):
        read_torch_file(tmp_path / "text.pth")
