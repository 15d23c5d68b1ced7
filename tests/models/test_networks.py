"""The three networks together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.config import default_config
from bigbigan_jax.models.architectures import build_networks


@pytest.fixture
def networks(tiny_config):
    tiny_config.model.encoder.image_size = 16
    return build_networks(tiny_config.model.to_dict())


def test_built_as_configured(networks):
    assert networks.image_size == 16 and networks.z_dim == 8
    assert networks.generator.image_size == networks.discriminator.image_size == 8
    assert networks.discriminator.terms == ("x", "z", "xz")
    assert networks.discriminator.mlp_width == networks.encoder.head_width == 16


def test_without_an_encoder_images_are_of_the_generator_s_size(tiny_config):
    tiny_config.model.encoder.trunk = "none"
    tiny_config.model.terms = ("x",)
    networks = build_networks(tiny_config.model.to_dict())
    assert networks.encoder is None and networks.image_size == 8


def test_normal_prior(networks):
    z = networks.sample_z(jax.random.key(0), 4096)
    assert z.shape == (4096, 8) and z.dtype == jnp.float32
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02


def test_uniform_prior(tiny_config):
    tiny_config.model.prior = "uniform"
    tiny_config.model.encoder.head = "deterministic"
    networks = build_networks(tiny_config.model.to_dict())
    z = networks.sample_z(jax.random.key(0), 4096)
    assert -1 <= z.min() < -0.99 and 0.99 < z.max() < 1
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1 / np.sqrt(3)) < 0.02
    assert networks.encoder.prior == "uniform"


def test_discriminator_sees_averages_of_cells(networks):
    x = jnp.arange(2.0 * 16 * 16).reshape(2, 16, 16, 1)
    expected = x.reshape(2, 8, 2, 8, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(networks.pool_for_discriminator(x), expected, rtol=1e-6)
    np.testing.assert_array_equal(networks.pool_for_discriminator(expected), expected)


def test_resized_for_the_encoder_bilinearly(networks):
    x = jnp.full((2, 8, 8, 1), 0.25).at[:, :, 4:].set(0.75)
    y = networks.resize_for_encoder(x)
    assert y.shape == (2, 16, 16, 1)
    row = np.r_[np.full(7, 0.25), 0.375, 0.625, np.full(7, 0.75)]
    np.testing.assert_allclose(y[0, :, :, 0], np.tile(row, (16, 1)), rtol=1e-6)


def test_reconstruction_is_of_the_mean(tiny_family, tiny_state, tiny_batch):
    networks, variables = tiny_family.networks, tiny_state.ema_variables()
    x = tiny_batch["image"][0]

    @jax.jit
    def both(variables, x):
        mean = networks.encode(variables, x).z_mean
        return networks.reconstruct(variables, x), networks.generate(variables, mean)

    reconstructed, generated = both(variables, x)
    np.testing.assert_allclose(reconstructed, generated, atol=1e-6)
    assert reconstructed.shape == x.shape and np.abs(reconstructed).max() <= 1


def test_generates_float32_in_any_precision(tiny_config):
    tiny_config.model.dtype = "bfloat16"
    networks = build_networks(tiny_config.model.to_dict())
    z = jnp.zeros((2, 8))

    def generate(key):
        variables = networks.generator.init(key, z, train=True)
        return networks.generate({"generator": variables}, z)

    images = jax.eval_shape(generate, jax.random.key(0))
    assert images.dtype == jnp.float32 and images.shape == (2, 8, 8, 1)


def test_where_the_ratio_is_not_whole_the_discriminator_sees_resized_images():
    model = default_config("bigan", "alexnet").model
    model.encoder.image_size = 112
    networks = build_networks(model.to_dict())
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1, 112, 112, 3)).astype(np.float32)
    found = networks.pool_for_discriminator(x)
    assert found.shape == (1, 64, 64, 3) and np.abs(found).max() <= 1
    for channel in range(3):  # Pillow's filter widens as it shrinks, too
        image = Image.fromarray(x[0, :, :, channel]).resize((64, 64), Image.BILINEAR)
        np.testing.assert_allclose(found[0, :, :, channel], image, atol=1e-5)
    np.testing.assert_array_equal(networks.pool_for_discriminator(found), found)
