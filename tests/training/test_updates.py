"""The parts of an update keep nothing that is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bigbigan_jax.training.state import TrainState
from bigbigan_jax.training.updates import (
    all_finite,
    descend,
    follow_with_average,
    keep_if,
    keep_statistics,
    mean_over_parts,
    parts_of_batches,
)

NETWORKS = ("generator", "encoder", "discriminator")
OPTIMIZERS = dict.fromkeys(NETWORKS, optax.sgd(0.5, momentum=0.9))


@pytest.fixture
def state():
    params = {network: {"w": jnp.full(2, i + 1.0)} for i, network in enumerate(NETWORKS)}
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        step=zero,
        params=params,
        opt_state={network: OPTIMIZERS[network].init(params[network]) for network in NETWORKS},
        batch_stats={"generator": {"mean": jnp.zeros(2)}, "encoder": {"mean": jnp.zeros(2)}},
        spectral={"generator": {"u": jnp.ones(2)}, "discriminator": {"u": jnp.ones(2)}},
        ema={network: {"w": jnp.zeros(2)} for network in ("generator", "encoder")},
        skipped=zero,
        skipped_in_a_row=zero,
    )


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_all_finite(bad):
    tree = {"a": jnp.ones(3), "b": (jnp.zeros(()),)}
    assert all_finite(tree)
    assert not all_finite({**tree, "b": (jnp.asarray(bad),)})
    assert not all_finite({**tree, "a": jnp.asarray([1.0, bad, 1.0])})


def test_keep_if_never_mixes():
    new, old = {"a": jnp.asarray([jnp.nan, 1.0])}, {"a": jnp.asarray([2.0, 3.0])}
    assert_same(keep_if(jnp.asarray(False), new, old), old)
    assert_same(keep_if(jnp.asarray(True), new, old), new)


def test_descend_moves_the_networks_that_have_gradients(state):
    gradients = {"generator": {"w": jnp.ones(2)}, "encoder": {"w": -jnp.ones(2)}}
    new = descend(state, OPTIMIZERS, gradients, jnp.asarray(True))
    assert_same(new.params["generator"]["w"], jnp.full(2, 0.5))
    assert_same(new.params["encoder"]["w"], jnp.full(2, 2.5))
    assert_same(new.params["discriminator"], state.params["discriminator"])
    assert_same(new.opt_state["discriminator"], state.opt_state["discriminator"])
    assert np.any(jax.tree.leaves(new.opt_state["generator"])[0])


def test_descend_keeps_weights_and_moments_where_not_ok(state):
    gradients = {"discriminator": {"w": jnp.full(2, jnp.nan)}}
    assert_same(descend(state, OPTIMIZERS, gradients, jnp.asarray(False)), state)


def test_average_follows_by_one_minus_decay(state):
    new = follow_with_average(state, 0.75, jnp.asarray(True))
    assert_same(
        new.ema, {"generator": {"w": jnp.full(2, 0.25)}, "encoder": {"w": jnp.full(2, 0.5)}}
    )
    assert_same(follow_with_average(state, 0.75, jnp.asarray(False)), state)


def test_statistics_are_taken_over_by_network_and_collection(state):
    updated = {
        "generator": {"batch_stats": {"mean": jnp.ones(2)}, "spectral": {"u": jnp.zeros(2)}},
        "encoder": {"batch_stats": {"mean": jnp.full(2, 3.0)}},
    }
    new = keep_statistics(state, updated, jnp.asarray(True))
    assert_same(new.batch_stats["generator"]["mean"], jnp.ones(2))
    assert_same(new.batch_stats["encoder"]["mean"], jnp.full(2, 3.0))
    assert_same(new.spectral["generator"]["u"], jnp.zeros(2))
    assert_same(new.spectral["discriminator"], state.spectral["discriminator"])
    assert_same(new.params, state.params)
    assert_same(keep_statistics(state, updated, jnp.asarray(False)), state)


def test_parts_of_batches_are_of_every_nth_example():
    x = jnp.arange(12).reshape(2, 6)
    parts = parts_of_batches(x, 3)
    np.testing.assert_array_equal(parts, [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8, 11]])


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_mean_over_parts_of_a_batch(parts):
    x = jnp.arange(12.0).reshape(6, 2)
    seen = mean_over_parts(lambda x, key: {"mean": x.mean(axis=0)}, parts, x, jax.random.key(0))
    np.testing.assert_allclose(seen["mean"], x.mean(axis=0))


def test_parts_have_keys_of_their_own():
    def noise(x, key):
        return jax.random.normal(key, (1000,))

    x = jnp.zeros((4, 1))
    alone, together = (mean_over_parts(noise, n, x, jax.random.key(0)) for n in (1, 4))
    np.testing.assert_allclose(jnp.std(together) / jnp.std(alone), 0.5, atol=0.05)
