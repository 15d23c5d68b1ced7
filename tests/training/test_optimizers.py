"""Adam without momentum is Adam with β1 = 0, but for the memory; rates and decay of BiGAN's."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bigbigan_jax.training.optimizers import adam_decaying, adam_without_momentum


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


def test_the_rate_falls_exponentially_in_the_second_half():
    optimizer = adam_decaying(
        1e-2, 1e-4, 8, b1=0.0, b2=0.0, eps=1e-8, weight_decay=0.0
    )  # so that an update is the rate itself
    params, rates = jnp.ones(()), []
    state = optimizer.init(params)
    for _ in range(9):
        update, state = optimizer.update(jnp.ones(()), state, params)
        rates.append(-float(update))
    expected = [1e-2] * 5 + [1e-2 * 0.01 ** (i / 4) for i in (1, 2, 3, 4)]
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


def test_weights_decay_through_the_gradient():
    def first_step(weight_decay):
        optimizer = adam_decaying(
            1.0, 1.0, 2, b1=0.5, b2=0.999, eps=1e3, weight_decay=weight_decay
        )  # so large an ε that the gradient is not normalised
        params = {"kernel": jnp.full(2, 3.0)}
        update, _ = jax.jit(optimizer.update)(
            {"kernel": jnp.ones(2)}, optimizer.init(params), params
        )
        return float(update["kernel"][0])

    assert first_step(0.5) / first_step(0.0) == pytest.approx(1 + 0.5 * 3, rel=1e-2)


def test_gains_do_not_decay():
    optimizer = adam_decaying(1.0, 1.0, 2, b1=0.5, b2=0.999, eps=1e3, weight_decay=0.5)
    norm = {"scale": jnp.full(2, 3.0), "bias": jnp.full(2, 3.0)}
    params = {"dense": {"kernel": jnp.full((2, 2), 3.0)}, "norm": norm}
    zeros = jax.tree.map(jnp.zeros_like, params)
    update, _ = optimizer.update(zeros, optimizer.init(params), params)
    assert not update["norm"]["scale"].any()
    assert update["norm"]["bias"].all() and update["dense"]["kernel"].all()
