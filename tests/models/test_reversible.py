"""Reversible units: the inverse, the gradient against automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np

from bigbigan_jax.models.reversible import reversible_units

plain_units = reversible_units.__wrapped__


def branch(weight, x):
    """A residual that saturates, and something to return beside it."""
    return jnp.tanh(x @ weight), {"mean": x.mean(), "calls": jnp.ones(())}


def some(units=3, width=5, dtype=jnp.float32):
    random = np.random.default_rng(0)
    weights = [jnp.asarray(random.normal(size=(width, width)), dtype) for _ in range(units)]
    streams = tuple(jnp.asarray(random.normal(size=(4, width)), dtype) for _ in range(2))
    return weights, streams


def test_a_unit_is_what_the_paper_says():
    (weight,), (first, second) = some(units=1)
    (left, right), others = reversible_units(branch, [weight], (first, second))
    np.testing.assert_array_equal(left, second)
    np.testing.assert_allclose(right, first + jnp.tanh(second @ weight), rtol=1e-6)
    assert len(others) == 1 and others[0]["mean"] == second.mean()


def scalar(units):
    def of(weights, streams):
        (left, right), others = units(branch, weights, streams)
        # What is returned beside the streams is a constant to the gradient.
        return jnp.sum(left**2) + jnp.sum(jnp.sin(right)), others

    return of


def test_gradient_is_that_of_plain_units():
    arguments = some()
    gradients, others = jax.grad(scalar(reversible_units), (0, 1), has_aux=True)(*arguments)
    expected, same_others = jax.grad(scalar(plain_units), (0, 1), has_aux=True)(*arguments)
    for gradient, plain in zip(*map(jax.tree.leaves, (gradients, expected)), strict=True):
        np.testing.assert_allclose(gradient, plain, rtol=1e-4, atol=1e-5)
    assert jax.tree.map(float, others) == jax.tree.map(float, same_others)


def test_float32_streams_are_recovered_though_residuals_are_bfloat16():
    """A unit's gradient is exact where its input was recovered exactly; here after 12 units."""

    def coarse(weight, x):
        return jnp.tanh(x.astype(jnp.bfloat16) @ weight.astype(jnp.bfloat16)), ()

    weights, streams = some(units=12)

    def gradient(units):
        def loss(weights, streams):
            return sum(jnp.sum(stream**2) for stream in units(coarse, weights, streams)[0])

        return jax.grad(loss)(weights, streams)

    for reversed_, plain in zip(gradient(reversible_units), gradient(plain_units), strict=True):
        error = jnp.linalg.norm(reversed_ - plain) / jnp.linalg.norm(plain)
        assert error < 1e-2
