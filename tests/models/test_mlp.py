"""BiGAN's perceptrons against their formulas, and their sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.config import default_config
from bigbigan_jax.models.architectures import build_networks
from bigbigan_jax.models.mlp import MLPDiscriminator, MLPEncoder, MLPGenerator

X = np.random.default_rng(0).uniform(-1, 1, (6, 4, 4, 1)).astype(np.float32)
Z = np.random.default_rng(1).uniform(-1, 1, (6, 3)).astype(np.float32)


def init(module, *inputs):
    variables = module.init(jax.random.key(0), *inputs, train=True)
    for name, layer in variables["params"].items():
        if "theta" in name:  # starts at zero
            assert not np.any(layer["kernel"])
            layer["kernel"] = jnp.arange(1.0, 6.0)[:, None]
    return variables


def kernels(variables):
    return {name: np.asarray(layer["kernel"]) for name, layer in variables["params"].items()}


def normalized(a):
    return (a - a.mean(axis=0)) / np.sqrt(a.var(axis=0) + 1e-8)


def leaky(a):
    return np.where(a > 0, a, 0.2 * a)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_sizes_are_those_of_the_paper():
    networks = build_networks(default_config("bigan").model.to_dict())
    keys = dict.fromkeys(networks.names, jax.random.key(0))
    variables = jax.eval_shape(networks.init, keys)
    sizes = {
        name: sum(leaf.size for leaf in jax.tree.leaves(value["params"]))
        for name, value in variables.items()
    }
    assert sizes == {
        "generator": 50 * 1024 + 1024 * 1024 + 50 * 1024 + 1024 * 784,
        "encoder": 784 * 1024 + 1024 * 1024 + 1024 * 50,
        "discriminator": 784 * 1024 + 1024 * 1024 + 50 * 1024 + 1024,
    }


def test_initial_values():
    kernel = kernels(init(MLPEncoder(3, "uniform", "deterministic", 512), X))["dense1"]
    assert abs(kernel.mean()) < 1e-4 and kernel.std() == pytest.approx(0.02, rel=0.01)


def test_generator():
    generator = MLPGenerator(image_size=4, image_channels=1, width=5)
    variables = init(generator, Z)
    w = kernels(variables)
    hidden = np.maximum(normalized(Z @ w["dense0"]), 0)
    hidden = np.maximum(normalized(hidden @ w["dense1"] + Z @ w["dense1_z"]), 0)
    pixels = sigmoid(hidden @ w["output"])
    x, _ = generator.apply(variables, Z, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose((x + 1) / 2, pixels.reshape(6, 4, 4, 1), rtol=1e-4)


def test_encoder():
    encoder = MLPEncoder(z_dim=3, prior="uniform", head="deterministic", width=5)
    variables = init(encoder, X)
    w = kernels(variables)
    hidden = leaky((X.reshape(6, -1) + 1) / 2 @ w["dense0"])
    hidden = leaky(normalized(hidden @ w["dense1"]))
    found, _ = encoder.apply(variables, X, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(found.avepool_feat, hidden, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.z_logits, hidden @ w["z_mean"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.z_mean, 2 * sigmoid(found.z_logits) - 1, atol=1e-6)
    assert not found.z_stdev.any()


def test_stochastic_encoder_of_a_normal_prior():
    encoder = MLPEncoder(z_dim=3, prior="normal", head="stochastic", width=5)
    found, _ = encoder.apply(init(encoder, X), X, train=True, mutable=["batch_stats"])
    np.testing.assert_array_equal(found.z_mean, found.z_logits)
    assert (found.z_stdev > 0).all()


def test_an_output_may_start_at_zero():
    encoder = MLPEncoder(z_dim=3, prior="uniform", head="deterministic", width=5, zero_output=True)
    found, _ = encoder.apply(init(encoder, X), X, train=True, mutable=["batch_stats"])
    assert not found.z_mean.any() and found.avepool_feat.any()


def test_discriminator():
    discriminator = MLPDiscriminator(("xz",), width=5)
    variables = init(discriminator, X, Z)
    w = kernels(variables)
    hidden = leaky((X.reshape(6, -1) + 1) / 2 @ w["dense0"]) @ w["dense1"]
    hidden = leaky(normalized(hidden + Z @ w["dense1_z"]))
    score, _ = discriminator.apply(variables, X, Z, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(score["xz"], (hidden @ w["theta_xz"])[:, 0], rtol=1e-3, atol=1e-6)


def test_discriminator_of_a_gan_sees_no_latents_and_shows_its_features():
    discriminator = MLPDiscriminator(("x",), width=5)
    variables = init(discriminator, X, Z)
    assert set(kernels(variables)) == {"dense0", "dense1", "theta_x"}
    scores, kept = discriminator.apply(variables, X, Z, mutable=["intermediates"])
    (features,) = kept["intermediates"]["features"]
    np.testing.assert_allclose(
        scores["x"], (features @ kernels(variables)["theta_x"])[:, 0], rtol=1e-5
    )


def test_three_terms_share_their_parts_and_are_spectrally_normalised():
    discriminator = MLPDiscriminator(("x", "z", "xz"), width=5, spectral_norm=True)
    variables = discriminator.init(jax.random.key(0), X, Z)
    assert "batch_stats" not in variables
    assert set(variables["spectral"]) == {
        *("dense0", "dense1", "dense1_z"),
        *("theta_x", "theta_z", "theta_xz"),
    }
    for _ in range(100):  # until power iteration has found all σ
        _, moved = discriminator.apply(variables, X, Z, mutable=["spectral"])
        variables = {**variables, **moved}
    w = {name: kernel / np.linalg.norm(kernel, 2) for name, kernel in kernels(variables).items()}
    a_x = leaky((X.reshape(6, -1) + 1) / 2 @ w["dense0"]) @ w["dense1"]
    a_z = Z @ w["dense1_z"]
    scores = discriminator.apply(variables, X, Z)
    for term, a in {"x": a_x, "z": a_z, "xz": a_x + a_z}.items():
        expected = (leaky(a) @ w[f"theta_{term}"])[:, 0]
        np.testing.assert_allclose(scores[term], expected, rtol=1e-3, atol=1e-5)


def test_compute_in_bfloat16():
    encoder = MLPEncoder(3, "uniform", "deterministic", 5, dtype=jnp.bfloat16)
    found, _ = encoder.apply(init(encoder, X), X, train=True, mutable=["batch_stats"])
    assert found.z_mean.dtype == found.avepool_feat.dtype == jnp.float32
