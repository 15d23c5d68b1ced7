"""The encoder's linear layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.linear import Conv, Dense, Stem


def random(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
    "layer, plain, shape",
    [
        (Dense(6), nn.Dense(6), (3, 5)),
        (Conv(6, (3, 3)), nn.Conv(6, (3, 3), use_bias=False), (2, 4, 4, 5)),
    ],
    ids=["dense", "conv"],
)
def test_layers_compute_what_those_of_flax_do(layer, plain, shape, dtype):
    x = random(*shape)
    variables = layer.init(jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    y, expected = (module.clone(dtype=dtype).apply(variables, x) for module in (layer, plain))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, expected)


def test_stem_in_parts_is_the_stem():
    """What is recomputed and taken in parts is the same function, forward and backward."""
    x = random(2, 32, 32, 3)
    whole, parts = (Stem(8, True, jnp.float32, parts=n) for n in (0, 2))
    variables = whole.init(jax.random.key(0), x)

    def value_and_gradient(stem):
        def value(v, x):
            return jnp.sum(jnp.sin(stem.apply(v, x)))

        return jax.value_and_grad(value, argnums=(0, 1))(variables, x)

    assert whole.apply(variables, x).shape == (2, 8, 8, 8)
    (a, of_a), (b, of_b) = value_and_gradient(whole), value_and_gradient(parts)
    np.testing.assert_allclose(a, b, rtol=1e-5)
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-3, atol=1e-4), of_a, of_b)
