"""The quick FID while training."""

import numpy as np
import pytest
from small_gan import get_config
from small_runs import logged, saved_steps

from bigbigan_jax.config import ConfigError
from bigbigan_jax.training.fid_watch import FidWatch
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.run import prepare_run

NAME = "fid_64/quick"


def with_watch(weights):
    config = get_config()
    config.fid.update({"every": 2, "width": 64, "samples": 20, "inception": str(weights)})
    config.checkpoint.update({"every": 100, "keep_last": 1})
    config.checkpoint.update({"best_metric": NAME, "best_mode": "min"})
    config.log.update({"every": 100, "monitor_every": 100, "sheets_every": 100})
    config.steps = 5
    return config


@pytest.fixture(scope="module")
def watched(tmp_path_factory, inception_stem):
    """A run of five steps with the watch, and its workdir."""
    workdir = tmp_path_factory.mktemp("watched")
    run = prepare_run(with_watch(inception_stem), workdir)
    return run, train(run), workdir


def test_it_is_among_the_metrics_and_its_best_checkpoint_is_kept(watched):
    _, _, workdir = watched
    found = {line["step"]: line[NAME] for line in logged(workdir) if NAME in line}
    assert sorted(found) == [2, 4]
    assert all(value > 0 for value in found.values())
    assert saved_steps(workdir) == sorted({min(found, key=found.get), 5})


def test_the_same_state_has_the_same_value(watched):
    run, outcome, _ = watched
    (watch,) = run.evaluations
    images = np.zeros((2, 16, 8, 8, 1), np.uint8)
    first, second = (watch(outcome.state, images, run.key(), lambda: False) for _ in range(2))
    assert first == second and first.keys() == {NAME}


def test_it_gives_up_when_the_run_is_told_to_stop(watched):
    run, outcome, _ = watched
    (watch,) = run.evaluations
    images = np.zeros((2, 16, 8, 8, 1), np.uint8)
    assert watch(outcome.state, images, run.key(), lambda: True) == {}


@pytest.mark.parametrize(("value", "good"), [(14.0, 9), (16.0, 6), (float("nan"), 6)])
def test_the_last_good_step_is_the_newest_that_is_no_multiple_of_the_best(watched, value, good):
    (watch,) = watched[0].evaluations
    found = {2: {NAME: 20.0}, 4: {NAME: 10.0}, 6: {NAME: 12.0}, 8: {NAME: 30.0}, 7: {"loss": 1.0}}
    assert watch.last_good({**found, 9: {NAME: value}}) == good
    assert watch.last_good({9: {NAME: float("nan")}}) is None


def test_a_jump_raises_an_alarm_and_the_last_good_checkpoint_stays(
    inception_stem, tmp_path, monkeypatch
):
    values, alarms = iter([10.0, 11.0, 40.0, 50.0]), []
    monkeypatch.setattr(FidWatch, "__call__", lambda *_: {NAME: next(values)})
    monkeypatch.setattr("absl.logging.warning", lambda text, *values: alarms.append(text % values))
    config = with_watch(inception_stem)
    config.checkpoint.update({"best_metric": "", "every": 1})
    config.steps = 6
    train(prepare_run(config, tmp_path))
    assert saved_steps(tmp_path) == [4, 6]
    config.steps = 8  # a new start knows it again
    train(prepare_run(config, tmp_path))
    assert saved_steps(tmp_path) == [4, 8]
    first, second = (alarm for alarm in alarms if "collapsed" in alarm)
    assert first.startswith("step 6: fid_64/quick 40: ") and "that of step 4" in first
    assert second.startswith("step 8: fid_64/quick 50: ") and "that of step 4" in second


def test_training_goes_on_without_weights(tmp_path, caplog):
    config = with_watch(tmp_path / "none.pth")
    config.checkpoint.best_metric = ""
    run = prepare_run(config, tmp_path / "run")
    assert run.evaluations == ()
    assert "none.pth; `python -m bigbigan_jax.inception` downloads it" in caplog.text


def test_weights_that_end_too_early_are_one_line(inception_stem, tmp_path):
    config = with_watch(inception_stem)
    config.fid.width = 768
    with pytest.raises(ConfigError, match="config.fid.inception: .* end before the 768-D features"):
        prepare_run(config, tmp_path / "run")
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    config.fid.inception = str(tmp_path / "damaged.npz")
    with pytest.raises(ConfigError, match="config.fid.inception: .*damaged.npz: damaged or not"):
        prepare_run(config, tmp_path / "run")
    config.fid.inception = str(tmp_path)
    with pytest.raises(ConfigError, match="config.fid.inception: .*directory"):
        prepare_run(config, tmp_path / "run")
