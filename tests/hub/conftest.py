"""Runs of a few steps, and the models loaded from them."""

import pytest
import small_bigbigan
import small_gan

import bigbigan_jax
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.run import prepare_run


@pytest.fixture(scope="session")
def workdir(tmp_path_factory):
    """A run of the tiny BigBiGAN of three steps, with checkpoints of all; the best is one."""
    config = small_bigbigan.get_config()
    config.steps = 3
    config.data.update({"name": "digits", "eval_split": "", "augmentation": "none", "workers": 0})
    config.checkpoint.update({"every": 1, "best_metric": "reconstruction/x"})
    config.log.update({"every": 1, "monitor_every": 1, "sheets_every": 10_000})
    folder = tmp_path_factory.mktemp("hub") / "run"
    train(prepare_run(config, folder))
    return folder


@pytest.fixture(scope="session")
def model(workdir):
    """Its last checkpoint, loaded."""
    return bigbigan_jax.load(workdir)


@pytest.fixture(scope="session")
def plain_workdir(tmp_path_factory):
    """A run of two steps of a GAN without encoder."""
    config = small_gan.get_config()
    config.steps = 2
    folder = tmp_path_factory.mktemp("hub") / "plain"
    train(prepare_run(config, folder))
    return folder
