"""The encoder's heads and what they return."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.encoder import HEADS, Encoder, Encoding


def make(**options):
    return Encoder("resnet18", width=1 / 16, z_dim=6, head_width=16, **options)


def abstract(encoder, size=8):
    x = jnp.zeros((2, size, size, 1))
    return jax.eval_shape(lambda key: encoder.init_with_output(key, x, True), jax.random.key(0))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", [8, 64])
def test_shapes(head, size):
    encoding, variables = abstract(make(head=head), size)
    assert encoding.avepool_feat.shape == (2, 32)
    assert encoding.z_mean.shape == encoding.z_stdev.shape == (2, 6)
    assert ("z_stdev" in variables["params"]) == (head == "stochastic")
    assert "spectral" not in variables


def test_head_has_four_layers():
    _, variables = abstract(make())
    head = variables["params"]["head"]
    assert len([name for name in head if "skip" not in name]) == 4


def test_bfloat16_gives_float32_latents():
    encoding, variables = abstract(make(dtype=jnp.bfloat16))
    leaves = jax.tree.leaves([encoding, variables])
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


def test_sample_adds_scaled_noise():
    mean, stdev = jnp.arange(6.0).reshape(2, 3), jnp.full((2, 3), 0.5)
    key = jax.random.key(0)
    noise = jax.random.normal(key, (2, 3))
    sample = Encoding(jnp.zeros((2, 4)), mean, stdev, mean).sample(key)
    np.testing.assert_allclose(sample, mean + 0.5 * noise, rtol=1e-6)
    exact = Encoding(jnp.zeros((2, 4)), mean, jnp.zeros((2, 3)), mean).sample(key)
    np.testing.assert_array_equal(exact, mean)


def test_latents_are_functions_of_the_same_linear_outputs(tiny_family, tiny_state, tiny_batch):
    stochastic = tiny_family.networks.encoder
    variables = tiny_state.variables("encoder")
    x = tiny_batch["image"][0]

    def encode(**options):
        return stochastic.clone(**options).apply(variables, x, train=False)

    normal, deterministic, uniform = jax.jit(
        lambda: (
            encode(),
            encode(head="deterministic"),
            encode(head="deterministic", prior="uniform"),
        )
    )()
    np.testing.assert_array_equal(normal.z_mean, deterministic.z_mean)
    np.testing.assert_allclose(uniform.z_mean, np.tanh(normal.z_mean), rtol=1e-5, atol=1e-6)
    assert (normal.z_stdev > 0).all()
    assert not deterministic.z_stdev.any() and not uniform.z_stdev.any()
    assert (np.abs(uniform.z_mean) <= 1).all() and (normal.avepool_feat >= 0).all()


def test_deviation_is_the_softplus_of_its_linear_output(tiny_family, tiny_state, tiny_batch):
    encoder, variables = tiny_family.networks.encoder, tiny_state.variables("encoder")
    encoding, captured = jax.jit(
        lambda x: encoder.apply(variables, x, train=False, capture_intermediates=True)
    )(tiny_batch["image"][0])
    (linear,) = captured["intermediates"]["z_stdev"]["__call__"]
    (trunk,) = captured["intermediates"]["trunk"]["__call__"]
    np.testing.assert_allclose(encoding.z_stdev, nn.softplus(linear), rtol=1e-6)
    np.testing.assert_allclose(encoding.avepool_feat, trunk.mean(axis=(1, 2)), rtol=1e-6)
