"""What would make a step fit."""

import pytest

from bigbigan_jax.config import default_config
from bigbigan_jax.plan.advice import advise
from bigbigan_jax.plan.memory import Shortage
from bigbigan_jax.plan.topologies import GIB

STATE = {"parameters": GIB, "optimizer": 2 * GIB, "ema": GIB, "statistics": 0, "images": 5}


def settings(**training):
    config = default_config()
    config.batch_size = 128
    config.training.update(training)
    return config


def test_smaller_batches():
    # 4 GiB of state and 16 images at a time in 16 GiB: 12 fit in 12 GiB.
    ways = advise(settings(), STATE, Shortage(20 * GIB, 16 * GIB), devices=8)
    text = "\n".join(ways)
    assert "about 11 devices" in text and "12 images a device fit at a time, not 16" in text
    assert "--config.batch_size=96" in text
    assert "--config.training.gradient_accumulation=2" in text
    assert "shard_weights" not in text


def test_accumulation_already_on_is_taken_into_account():
    config = settings(gradient_accumulation=4)
    text = "\n".join(advise(config, STATE, Shortage(20 * GIB, 13 * GIB), devices=8))
    assert "2 images a device fit at a time, not 4" in text
    assert "gradient_accumulation=8" in text and "batch_size=64" in text


@pytest.mark.parametrize(("available", "verdict"), [(18, "fits"), (10, "does not suffice alone")])
def test_sharding_the_weights(available, verdict):
    config = settings(shard_weights=False)
    ways = advise(config, STATE, Shortage(20 * GIB, available * GIB), devices=4)
    assert "saves 3.00 GiB a device, which leaves 17.00 GiB: " + verdict in ways[0]


def test_a_state_that_is_too_large_by_itself():
    (way,) = advise(settings(), STATE, Shortage(20 * GIB, 3 * GIB), devices=8)
    assert "weights, optimiser and averages alone take 4.00 GiB" in way
