"""The linear probe while training."""

import dataclasses
import os
import signal

import jax
import numpy as np
import pytest
from small_runs import assert_same_state, logged, saved_state, saved_steps

import bigbigan_jax
from bigbigan_jax.config import ConfigError
from bigbigan_jax.data import Source
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.probing import Probing
from bigbigan_jax.training.run import prepare_run

PROBE = {"every": 2, "steps": 20, "batch_size": 64, "augmentation": "none"}


def with_probe(config):
    config.data.update({"name": "digits", "augmentation": "none", "workers": 0, "eval_split": ""})
    config.probe.update(PROBE)
    config.checkpoint.update({"every": 100, "keep_last": 1})
    config.checkpoint.update({"best_metric": "probe/top-1", "best_mode": "max"})
    config.log.update({"every": 100, "monitor_every": 100, "sheets_every": 100})
    config.steps = 5
    return config


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """A run of five steps with probes, and its workdir."""
    from small_bigbigan import get_config

    workdir = tmp_path_factory.mktemp("probed")
    run = prepare_run(with_probe(get_config()), workdir)
    return run, train(run), workdir


def probes(workdir):
    return [line for line in logged(workdir) if "probe/top-1" in line]


def test_it_is_among_the_metrics_and_its_best_checkpoint_is_kept(probed):
    _, _, workdir = probed
    found = {line["step"]: line["probe/top-1"] for line in probes(workdir)}
    assert sorted(found) == [2, 4]
    assert all(0.1 < top1 < 1 for top1 in found.values())
    best = max(found, key=found.get)
    assert saved_steps(workdir) == sorted({best, 5})
    assert bigbigan_jax.load(workdir, "best").about["step"] == best


def test_training_does_not_notice_it(probed, tiny_config, tmp_path):
    _, _, workdir = probed
    config = with_probe(tiny_config)
    config.probe.every = 0
    config.checkpoint.best_metric = ""
    train(prepare_run(config, tmp_path))
    assert_same_state(saved_state(workdir, config, 5), saved_state(tmp_path, config, 5))


def test_it_gives_up_when_the_run_is_told_to_stop(probed):
    run, outcome, _ = probed
    (probing,) = run.evaluations
    asked = []

    def stopped():
        asked.append(True)
        return len(asked) == 3

    images = np.zeros((2, 16, 8, 8, 1), np.uint8)
    assert probing(outcome.state, images, run.key(), stopped) == {}
    assert len(asked) == 3


def test_a_state_that_is_not_finite_does_not_end_the_run(probed):
    run, outcome, _ = probed
    (probing,) = run.evaluations
    probing = dataclasses.replace(probing, protocol=dataclasses.replace(probing.protocol, steps=1))
    ema = jax.tree.map(lambda leaf: leaf * np.nan, outcome.state.ema)
    images = np.zeros((2, 16, 8, 8, 1), np.uint8)
    found = probing(outcome.state.replace(ema=ema), images, run.key(), lambda: False)
    assert set(found) == set(probing.metrics) and np.isnan(list(found.values())).all()


def test_what_a_stop_cut_short_is_made_up_for(tiny_config, tmp_path, monkeypatch):
    """SIGTERM while the state of step 2, and later that of step 4, the last, is judged."""
    config = with_probe(tiny_config)
    probe, calls = Probing.__call__, []

    def interrupted(self, *arguments):
        calls.append(True)
        if len(calls) in (1, 3):
            os.kill(os.getpid(), signal.SIGTERM)
        return probe(self, *arguments)

    monkeypatch.setattr(Probing, "__call__", interrupted)
    config.steps = 4
    for step, preempted, judged in [(2, True, []), (4, True, [2]), (4, False, [2, 4])]:
        outcome = train(prepare_run(config, tmp_path))
        assert (outcome.step, outcome.preempted) == (step, preempted)
        assert [line["step"] for line in probes(tmp_path)] == judged
    assert "probe/top-1" in bigbigan_jax.load(tmp_path, 4).about["metrics"]


def test_a_damaged_image_does_not_end_the_run(probed):
    run, outcome, _ = probed
    (probing,) = run.evaluations
    train_val = WithDamage(probing.train_val)
    protocol = dataclasses.replace(probing.protocol, steps=1)
    probing = dataclasses.replace(probing, train_val=train_val, protocol=protocol)
    images = np.zeros((2, 16, 8, 8, 1), np.uint8)
    assert set(probing(outcome.state, images, run.key(), lambda: False)) == set(probing.metrics)


@dataclasses.dataclass
class WithDamage:
    """A source whose third image cannot be decoded."""

    source: Source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        record = self.source[index]
        return {**record, "image": b"no image"} if index == 2 else record

    def __getattr__(self, name):
        return getattr(self.source, name)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"probe.batch_size": 60}, "probe.batch_size is 60; .* a multiple of .* devices, 8"),
        (
            {"model.encoder.trunk": "none", "model.terms": ("x",)},
            "probe.every is 2, but there is no encoder to probe; set it to 0",
        ),
        ({"probe.every": 0}, "best_metric is 'probe/top-1'; this run has "),
    ],
)
def test_what_cannot_be_probed_is_refused(fields, said, tiny_config, tmp_path):
    config = with_probe(tiny_config)
    config.update_from_flattened_dict(fields)
    with pytest.raises(ConfigError, match=said):
        prepare_run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
