"""Runs of a few steps, and the models loaded from them."""

import pytest
import small_gan

import bigbigan_jax
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.run import prepare_run


@pytest.fixture(scope="session")
def workdir(trained_workdir):
    """The run to load models from."""
    return trained_workdir


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
