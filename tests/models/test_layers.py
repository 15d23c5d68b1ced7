"""Shared layers against restatements in NumPy."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.mesh import data_mesh, replicated, split_axis
from bigbigan_jax.models.layers import ConditionalBatchNorm, ResidualMLP, SelfAttention, batch_norm
from bigbigan_jax.models.spectral_norm import SNDense, spectrally_normalized


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def divided_kernel(variables, *path):
    """The kernel that the layer with spectral norm at `path` works with, as a matrix."""
    params, spectral = variables["params"], variables["spectral"]
    for name in path:
        params, spectral = params[name], spectral[name]
    kernel = np.asarray(params["kernel"])
    _, _, sigma = spectrally_normalized(kernel, spectral["u"])
    return kernel.reshape(-1, kernel.shape[-1]) / np.asarray(sigma)


def test_conditional_batch_norm_is_gain_and_offset_of_the_normalised():
    x, condition = 3 * normal(4, 3, 3, 5) + 2, normal(4, 6, seed=1)
    module = ConditionalBatchNorm(train=True, dtype=jnp.float32)
    variables = module.init(jax.random.key(0), x, condition)
    y, updated = module.apply(variables, x, condition, mutable=["batch_stats"])

    mean, variance = np.mean(x, axis=(0, 1, 2)), np.var(x, axis=(0, 1, 2))
    gain = 1 + condition @ divided_kernel(variables, "gain")
    offset = condition @ divided_kernel(variables, "offset")
    normalised = (x - mean) / np.sqrt(variance + 1e-4)
    expected = normalised * gain[:, None, None] + offset[:, None, None]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        updated["batch_stats"]["norm"]["mean"], 0.01 * mean, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        updated["batch_stats"]["norm"]["var"], 0.99 + 0.01 * variance, rtol=1e-4
    )


def test_conditional_batch_norm_learns_nothing_but_two_kernels():
    module = ConditionalBatchNorm(train=True, dtype=jnp.float32)
    params = module.init(jax.random.key(0), normal(2, 2, 2, 3), normal(2, 4))["params"]
    assert jax.tree.map(jnp.shape, params) == {
        "gain": {"kernel": (4, 3)},
        "offset": {"kernel": (4, 3)},
    }


def test_evaluation_normalises_by_stored_moments():
    x = normal(4, 3)
    module = batch_norm(train=False, dtype=jnp.float32, name=None, affine=False)
    mean, variance = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    y = module.apply({"batch_stats": {"mean": mean, "var": variance}}, x)
    expected = (x - mean) / np.sqrt(variance + 1e-4)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_moments_are_those_of_the_global_batch():
    mesh = data_mesh()
    # Every device's part has another mean.
    x = normal(16, 3) + np.arange(16, dtype=np.float32)[:, None]
    module = batch_norm(train=True, dtype=jnp.float32, name=None)
    variables = module.init(jax.random.key(0), x)

    @partial(jax.jit, in_shardings=split_axis(mesh), out_shardings=replicated(mesh))
    def apply(x):
        return module.apply(variables, x, mutable=["batch_stats"])

    y, updated = apply(x)
    mean, variance = np.mean(x, axis=0), np.var(x, axis=0)
    expected = (x - mean) / np.sqrt(variance + 1e-4)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.01 * mean, rtol=1e-5)


@pytest.fixture(scope="module")
def attention():
    x = normal(2, 4, 6, 16)
    module = SelfAttention(jnp.float32)
    return module, module.init(jax.random.key(0), x), x


def test_attention_is_the_identity_at_first(attention):
    module, variables, x = attention
    assert variables["params"]["gamma"] == 0
    np.testing.assert_array_equal(module.apply(variables, x), x)


def test_attention_as_restated(attention):
    module, variables, x = attention
    variables = {**variables, "params": {**variables["params"], "gamma": jnp.float32(0.7)}}

    def conv1x1(y, name):
        return y @ divided_kernel(variables, name)

    def pooled(y):
        return y.reshape(2, 2, 2, 3, 2, -1).max(axis=(2, 4)).reshape(2, 6, -1)

    query = conv1x1(x, "theta").reshape(2, 24, 2)
    key, value = pooled(conv1x1(x, "phi")), pooled(conv1x1(x, "g"))
    logits = np.einsum("bqc,bkc->bqk", query, key)
    weights = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    out = conv1x1(np.einsum("bqk,bkc->bqc", weights, value), "o").reshape(x.shape)
    np.testing.assert_allclose(module.apply(variables, x), x + 0.7 * out, rtol=1e-4, atol=1e-5)
    assert query.shape[-1] == key.shape[-1] == 2 and value.shape[-1] == 8


def test_attention_has_no_biases(attention):
    _, variables, _ = attention
    names = {path[-1].key for path, _ in jax.tree_util.tree_leaves_with_path(variables["params"])}
    assert names == {"kernel", "gamma"}


@pytest.mark.parametrize("inputs", [5, 8])
def test_residual_mlp_as_restated(inputs):
    x = normal(3, inputs)
    module = ResidualMLP(layers=4, width=8, dense=nn.Dense, dtype=jnp.float32)
    variables = module.init(jax.random.key(0), x)

    def dense(name, x):
        params = jax.tree.map(np.asarray, variables["params"][name])
        return x @ params["kernel"] + params["bias"]

    def relu(x):
        return np.maximum(x, 0)

    # The first block takes its input raw: half of a latent is negative.
    y = dense("block0_dense1", relu(dense("block0_dense0", x)))
    y = y + (x if inputs == 8 else dense("block0_skip", x))
    y = y + dense("block1_dense1", relu(dense("block1_dense0", relu(y))))
    np.testing.assert_allclose(module.apply(variables, x), relu(y), rtol=1e-4, atol=1e-5)
    assert ("block0_skip" in variables["params"]) == (inputs != 8)
    assert len(variables["params"]) == 4 + (inputs != 8)


def test_residual_mlp_takes_its_layers_with_spectral_norm():
    module = ResidualMLP(layers=8, width=4, dense=SNDense, dtype=jnp.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), normal(2, 3))
    assert len(variables["spectral"]) == len(variables["params"]) == 9
