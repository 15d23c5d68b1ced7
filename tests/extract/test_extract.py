"""Features on disk: the same in parts, after interruptions, and by the command."""

import numpy as np
import pytest

from bigbigan_jax.data import open_source
from bigbigan_jax.extract.__main__ import main
from bigbigan_jax.extract.extraction import Rows, extract
from bigbigan_jax.extract.store import Store, StoreError, read_about, read_arrays


class Encoder:
    """Stands in for a model: what is tested here is the bookkeeping. Feature: mean and number."""

    class networks:  # noqa: N801
        image_channels = 1

    image_size = 8
    about = {"weights": 1, "step": 3, "model": {}}

    def __init__(self, fails_after: int = 10**9):
        self.left = fails_after

    def encode(self, images):
        self.left -= len(images)
        if self.left < 0:
            raise KeyboardInterrupt
        mean = images.mean(axis=(1, 2, 3), dtype=np.float32)
        return {"avepool_feat": np.stack([mean, mean**2], 1), "z_mean": mean[:, None]}


@pytest.fixture(scope="module")
def source():
    return open_source("digits", "test")


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features") / "whole"
    extract(Encoder(), source, folder, names=("avepool_feat", "z_mean"), batch_size=64)
    return read_arrays(folder)


def test_a_row_for_each_image(source, whole):
    assert whole["avepool_feat"].shape == (len(source), 2)
    images = np.stack([source[i]["image"] for i in range(len(source))])
    np.testing.assert_allclose(whole["z_mean"][:, 0], images.mean(axis=(1, 2, 3)), rtol=1e-6)
    labels = [source[i]["label"] for i in range(len(source))]
    np.testing.assert_array_equal(whole["labels"], labels)


def test_it_goes_on_where_it_was_stopped(source, whole, tmp_path):
    settings = dict(names=("avepool_feat", "z_mean"), batch_size=50)
    with pytest.raises(KeyboardInterrupt):
        extract(Encoder(fails_after=120), source, tmp_path, **settings)
    with pytest.raises(StoreError, match=r"100 of \d+ rows are written; run bigbigan_jax.extract"):
        read_arrays(tmp_path)
    extract(Encoder(len(source) - 100 + 1), source, tmp_path, **settings)  # and one to see widths
    for name, values in read_arrays(tmp_path).items():
        np.testing.assert_array_equal(values, whole[name])


def test_parts_in_any_order(source, whole, tmp_path):
    for index in (2, 0, 1):
        extract(Encoder(), source, tmp_path, batch_size=64, part=(index, 3))
    np.testing.assert_array_equal(read_arrays(tmp_path)["avepool_feat"], whole["avepool_feat"])


def test_halves_of_the_room(source, whole, tmp_path):
    extract(Encoder(), source, tmp_path, dtype="float16")
    values = read_arrays(tmp_path)["avepool_feat"]
    assert values.dtype == np.float16
    np.testing.assert_allclose(values, whole["avepool_feat"], rtol=1e-3)


def test_features_of_something_else_are_not_overwritten(source, tmp_path):
    extract(Encoder(), source, tmp_path / "a")
    other = Encoder()
    other.about = {**Encoder.about, "step": 4}
    with pytest.raises(StoreError, match=r"features of something else \(other model\)"):
        extract(other, source, tmp_path / "a")
    np.save(tmp_path / "mine.npy", np.zeros(3))
    with pytest.raises(StoreError, match="choose another folder"):
        extract(Encoder(), source, tmp_path)
    with pytest.raises(StoreError, match="no features in there"):
        read_about(tmp_path)


def test_two_do_not_write_one_part(source, tmp_path):
    about, shapes = {}, {"z_mean": (8, 1)}
    with Store(tmp_path, about, shapes, {"z_mean": np.float32}) as store:
        with pytest.raises(StoreError, match="another process is writing there"):
            Store(tmp_path, about, shapes, {"z_mean": np.float32})
        store.write({"z_mean": np.ones((3, 1))})
    with Store(tmp_path, about, shapes, {"z_mean": np.float32}) as store:
        assert store.done == 3
    (tmp_path / "done_0_of_1.json").write_text("")
    with pytest.raises(StoreError, match="done_0_of_1.json: damaged; remove it"):
        Store(tmp_path, about, shapes, {"z_mean": np.float32})


def test_rows_of_a_source_are_a_source(source):
    rows = Rows(source, range(5, 9))
    assert (len(rows), rows.name, rows.num_classes) == (4, "digits", 10)
    np.testing.assert_array_equal(rows[3]["image"], source[8]["image"])


def test_the_command(trained_workdir, tmp_path, capsys):
    line = [f"--workdir={trained_workdir}", "--data=digits", f"--out={tmp_path / 'out'}"]
    assert main([*line, "--split=test"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out'}\n"
    assert read_arrays(tmp_path / "out")["avepool_feat"].shape[1] == 32
    for wrong, message in (
        (["--split=test", "--step=9"], "no checkpoint of step 9"),
        (["--split=nosuch"], "nosuch"),
    ):
        assert main([*line, *wrong]) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: ") and message in err and len(err.splitlines()) == 1
    with pytest.raises(SystemExit) as end:
        main([*line, "--split=test", "--part=3/3"])
    assert end.value.code == 2 and "--part: '3/3' is not I/N" in capsys.readouterr().err
