"""When damaged images are too many, and what a run does about them."""

import json

import numpy as np
import pytest
from small_gan import get_config

from bigbigan_jax.data import ArraySource, DataError, open_source
from bigbigan_jax.training import run as run_module
from bigbigan_jax.training.damage import DamageCount
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.run import prepare_run
from bigbigan_jax.training.run_metadata import check_resumable


def _count(steps, max_share=0.01, images_per_step=100):
    count = DamageCount(images_per_step, max_share)
    for damaged in steps:
        count.add(damaged)
        count.check()
    return count.total


def test_a_few_at_the_beginning_are_let_pass():
    assert _count([10]) == 10
    assert _count([1] * 50, images_per_step=110) == 50
    with pytest.raises(DataError, match="11 of the 100 images .*max_damaged_share, 0.01, allows"):
        _count([11])


def test_the_share_counts_from_then_on():
    assert _count([0] * 20 + [20]) == 20
    with pytest.raises(DataError, match="22 of the 2100 images"):
        _count([0] * 20 + [22])


def test_none_or_all_may_be_allowed():
    assert _count([100] * 5, max_share=1.0) == 500
    with pytest.raises(DataError, match="1 of the 200 images .*share, 0, allows"):
        _count([0, 1], max_share=0.0)


class _DamagedDigits(ArraySource):
    """The digits, every so many of them no image."""

    def __init__(self, every: int):
        digits = open_source("digits", "train")
        self._every = 0
        super().__init__("digits", "train", np.array([digits[i]["image"] for i in range(100)]))
        self._every = every

    def __getitem__(self, index):
        if self._every and index % self._every == 0:
            return {"image": b"torn"}
        return super().__getitem__(index)


def _run(monkeypatch, workdir, every, max_damaged_share):
    config = get_config()
    config.steps = 8
    config.data.max_damaged_share = max_damaged_share
    monkeypatch.setattr(run_module, "open_source", lambda *_: _DamagedDigits(every))
    return train(prepare_run(config, workdir))


def test_a_run_counts_what_it_replaced(monkeypatch, tmp_path):
    assert _run(monkeypatch, tmp_path, 5, 0.5).step == 8
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    counts = [line["damaged_images"] for line in lines]
    # 128 images: the whole set, and 28 of it again.
    assert counts == sorted(counts) and 20 <= counts[-1] <= 20 + 20


def test_a_run_on_too_many_ends_with_an_error(monkeypatch, tmp_path):
    for share in (0.0, 0.01):
        with pytest.raises(DataError, match=f"max_damaged_share, {share:g}, allows; the log"):
            _run(monkeypatch, tmp_path / str(share), 5, share)
    with pytest.raises(
        DataError, match="8 images in a row cannot be decoded: digits split 'train'"
    ):
        _run(monkeypatch, tmp_path / "all", 1, 0.5)


def test_a_run_from_before_the_field_may_go_on():
    now = {"data": {"name": "digits", "max_damaged_share": 0.01}}
    rest = {"data_fingerprint": "-", "versions": {}}
    before = {"config": {"data": {"name": "digits"}}, **rest}
    lines = check_resumable(before, {"config": now, **rest})
    assert any("max_damaged_share" in line for line in lines)
