"""Standing statistics are plain averages over batches."""

from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.layers import batch_norm
from bigbigan_jax.models.spectral_norm import SNDense, spectrally_normalized
from bigbigan_jax.models.standing_statistics import GENERATOR_BATCHES, standing_statistics


class Normalised(nn.Module):
    """A layer with spectral norm, then BatchNorm."""

    @nn.compact
    def __call__(self, x, train):
        x = SNDense(3, use_bias=False, name="dense")(x)
        return batch_norm(train, jnp.float32, "norm")(x)


@pytest.fixture(scope="module")
def case():
    def encode(variables, x, train, mutable):
        return batch_norm(train, jnp.float32, None).apply(variables, x, mutable=mutable)

    def encoding(variables, x):
        normalised = encode(variables["encoder"], x, train=False, mutable=())[0]
        return SimpleNamespace(z_mean=1 + normalised.mean(axis=(1, 2)) @ jnp.ones((2, 4)))

    networks = SimpleNamespace(
        generator=Normalised(),
        encoder=SimpleNamespace(apply=encode),
        discriminator="not asked",
        encode=encoding,
        sample_z=lambda key, count: jax.random.normal(key, (count, 4)),
    )
    z, images = jnp.zeros((2, 4)), 2 * jax.random.normal(jax.random.key(1), (3, 16, 4, 4, 2)) + 1
    variables = {
        "generator": Normalised().init(jax.random.key(0), z, train=True),
        "encoder": batch_norm(True, jnp.float32, None).init(jax.random.key(0), images[0]),
    }
    # An orthogonal kernel, as the initial one is, would leave its vector where it is.
    kernel = jax.random.normal(jax.random.key(3), (4, 3))
    variables["generator"]["params"]["dense"]["kernel"] = kernel
    key = jax.random.key(2)
    new = jax.jit(lambda: standing_statistics(networks, variables, images, key))()
    return SimpleNamespace(networks=networks, variables=variables, images=images, key=key, new=new)


def test_encoder_has_the_average_of_the_moments_of_every_batch(case):
    batches = np.asarray(case.images)
    stats = case.new["encoder"]["batch_stats"]
    mean, variance = batches.mean(axis=(1, 2, 3)), batches.var(axis=(1, 2, 3))
    np.testing.assert_allclose(stats["mean"], mean.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(stats["var"], variance.mean(axis=0), rtol=1e-4)


def test_generator_has_those_of_fresh_latents_through_its_moving_layers(case):
    kernel = case.variables["generator"]["params"]["dense"]["kernel"]
    u = case.variables["generator"]["spectral"]["dense"]["u"]
    means, variances = [], []
    for key in jax.random.split(case.key, GENERATOR_BATCHES):
        _, u, sigma = spectrally_normalized(kernel, u)
        y = np.asarray(jax.random.normal(key, (16, 4)) @ (kernel / sigma))
        means.append(y.mean(axis=0))
        variances.append(y.var(axis=0))
    new = case.new["generator"]
    np.testing.assert_allclose(
        new["batch_stats"]["norm"]["mean"], np.mean(means, axis=0), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        new["batch_stats"]["norm"]["var"], np.mean(variances, axis=0), rtol=1e-4
    )
    np.testing.assert_allclose(new["spectral"]["dense"]["u"], u, rtol=1e-4, atol=1e-5)


def test_generator_of_an_autoencoder_has_those_of_encoded_images(case):
    networks = SimpleNamespace(**{**vars(case.networks), "discriminator": None})
    new = standing_statistics(networks, case.variables, case.images, case.key)
    kernel = case.variables["generator"]["params"]["dense"]["kernel"]
    u = case.variables["generator"]["spectral"]["dense"]["u"]
    means = []
    for images in case.images:
        _, u, sigma = spectrally_normalized(kernel, u)
        z = networks.encode(new, images).z_mean
        means.append(np.asarray(z @ (kernel / sigma)).mean(axis=0))
    found = new["generator"]["batch_stats"]["norm"]["mean"]
    np.testing.assert_allclose(found, np.mean(means, axis=0), rtol=1e-4, atol=1e-5)


def test_weights_stay(case):
    for network, variables in case.variables.items():
        assert jax.tree.structure(case.new[network]) == jax.tree.structure(variables)
        jax.tree.map(
            np.testing.assert_array_equal, case.new[network]["params"], variables["params"]
        )
