"""Attention against softmax and automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.attention import attention

QUERIES, KEYS = 40, 16


def by_softmax(query, key, value):
    weights = jax.nn.softmax(jnp.einsum("bqc,bkc->bqk", query, key))
    return jnp.einsum("bqk,bkd->bqd", weights, value)


def some(scale=1.0, mean=0.0, dtype=jnp.float32):
    random = np.random.default_rng(0)
    query, key, value, weights = (
        random.normal(size=(2, n, c)) for n, c in ((QUERIES, 4), (KEYS, 4), (KEYS, 6), (QUERIES, 6))
    )
    return [jnp.asarray(x, dtype) for x in (scale * query, key, mean + value, weights)]


def value_and_gradients(function, query, key, value, weights):
    def loss(*arguments):
        return jnp.sum((function(*arguments) * weights).astype(jnp.float32))

    return function(query, key, value), *jax.grad(loss, (0, 1, 2))(query, key, value)


def relative_errors(found, expected):
    return [
        float(jnp.linalg.norm(f.astype(jnp.float32) - e) / jnp.linalg.norm(e))
        for f, e in zip(found, expected, strict=True)
    ]


@pytest.mark.parametrize("scale", [1, 100])
def test_result_and_gradients_are_those_of_softmax(scale):
    """Also for logits in the hundreds, whose exponentials would overflow."""
    arguments = some(scale)
    found, expected = (value_and_gradients(f, *arguments) for f in (attention, by_softmax))
    assert max(relative_errors(found, expected)) < 1e-4


@pytest.mark.parametrize("mean", [0, 5, 20])
def test_in_bfloat16_only_rounding_is_lost(mean):
    """Whatever the values have in common: it has no part in the gradients of query and key."""
    arguments = some(mean=mean, dtype=jnp.bfloat16)
    found = value_and_gradients(attention, *arguments)
    assert all(x.dtype == jnp.bfloat16 for x in found)
    exact = value_and_gradients(by_softmax, *(x.astype(jnp.float32) for x in arguments))
    assert max(relative_errors(found, exact)) < 1e-2
