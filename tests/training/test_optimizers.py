"""Adam without momentum is Adam with β1 = 0, but for the memory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bigbigan_jax.training.optimizers import adam_without_momentum


@pytest.mark.parametrize("eps", [1e-8, 1e-1])
def test_same_steps_as_adam(eps):
    rng = np.random.default_rng(0)
    params = {"a": jnp.ones((3, 4)), "b": jnp.zeros(5)}
    ours, theirs = adam_without_momentum(1e-2, 0.9, eps), optax.adam(1e-2, b1=0, b2=0.9, eps=eps)
    states, weights = [ours.init(params), theirs.init(params)], [params, params]
    for _ in range(5):
        gradients = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), params)
        for i, optimizer in enumerate((ours, theirs)):
            updates, states[i] = optimizer.update(gradients, states[i])
            weights[i] = optax.apply_updates(weights[i], updates)
    for name in params:
        np.testing.assert_allclose(weights[0][name], weights[1][name], rtol=1e-5, atol=1e-7)
        assert np.abs(weights[0][name] - params[name]).min() > 1e-4


def test_no_first_moment_is_stored():
    params = {"a": jnp.ones((3, 4))}
    state = adam_without_momentum(1e-2, 0.999, 1e-8).init(params)
    assert sorted(leaf.size for leaf in jax.tree.leaves(state)) == [1, 12]


def test_zero_gradients_move_nothing():
    params = jnp.ones(3)
    optimizer = adam_without_momentum(1e-2, 0.999, 1e-8)
    updates, _ = optimizer.update(jnp.zeros(3), optimizer.init(params))
    np.testing.assert_array_equal(updates, jnp.zeros(3))
