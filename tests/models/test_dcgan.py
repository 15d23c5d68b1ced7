"""BiGAN's convolutional G and D: sizes, one layer against its formula, where z joins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.config import default_config
from bigbigan_jax.models.architectures import build_networks
from bigbigan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator

WIDTH = 1 / 16  # 4, 8, 16 and 32 channels
X = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
Z = np.random.default_rng(1).uniform(-1, 1, (4, 5)).astype(np.float32)


def init(module, *inputs):
    return jax.jit(lambda key: module.init(key, *inputs, train=True))(jax.random.key(0))


def apply(module, variables, *inputs, **options):
    return jax.jit(lambda variables: module.apply(variables, *inputs, **options))(variables)


def with_output(variables, name):
    """D's variables with a last layer that is not zero."""
    params = dict(variables["params"])
    params[name] = jax.tree.map(
        lambda w: w + 0.1 * jnp.arange(w.size).reshape(w.shape) % 1, params[name]
    )
    return {**variables, "params": params}


def test_sizes_are_those_of_the_paper():
    networks = build_networks(default_config("bigan", "alexnet").model.to_dict())
    keys = dict.fromkeys(networks.names, jax.random.key(0))
    variables = jax.eval_shape(networks.init, keys)

    def size(network):
        return sum(leaf.size for leaf in jax.tree.leaves(variables[network]["params"]))

    # Each layer: its kernel, that of z, gains and offsets.
    assert size("generator") == (
        (200 + 2) * 4 * 4 * 512
        + 25 * 512 * 256 + (200 + 2) * 256
        + 25 * 256 * 128 + (200 + 2) * 128
        + 25 * 128 * 64 + (200 + 2) * 64
        + 25 * 64 * 3
    )  # fmt: skip
    assert size("discriminator") == (
        25 * 3 * 64
        + 25 * 64 * 128 + (200 + 2) * 128
        + 25 * 128 * 256 + (200 + 2) * 256
        + 25 * 256 * 512 + (200 + 2) * 512
        + 4 * 4 * 512
    )  # fmt: skip
    assert variables["generator"]["batch_stats"]["norm0"]["mean"].shape == (4 * 4 * 512,)
    images = jax.eval_shape(networks.generate, variables, jnp.zeros((2, 200)))
    assert images.shape == (2, 64, 64, 3)


def test_initial_values():
    params = init(DCGANGenerator(16, 3, 1 / 4), Z)["params"]
    assert np.std(params["deconv1"]["kernel"]) == pytest.approx(0.02, rel=0.02)
    assert np.std(params["deconv1_z"]["kernel"]) == pytest.approx(0.5, rel=0.1)
    assert (params["norm1"]["scale"] == 1).all() and not params["norm1"]["bias"].any()
    assert not init(DCGANDiscriminator(("xz",), WIDTH), X, Z)["params"]["theta_xz"]["kernel"].any()


def test_images_are_in_range_and_of_any_multiple_of_16():
    generator = DCGANGenerator(32, 1, WIDTH)
    variables = init(generator, Z)
    x, _ = apply(generator, variables, Z, train=True, mutable=["batch_stats"])
    assert x.shape == (4, 32, 32, 1) and np.abs(x).max() < 1 and np.std(x) > 0
    assert apply(generator, variables, Z, train=False).shape == (4, 32, 32, 1)


def test_a_transposed_convolution_is_the_gradient_of_a_convolution():
    generator = DCGANGenerator(16, 3, WIDTH)
    variables = init(generator, Z)
    keep = {"mutable": ["batch_stats", "intermediates"], "capture_intermediates": True}
    _, kept = apply(generator, variables, Z, train=True, **keep)
    found, hidden = (kept["intermediates"][layer]["__call__"][0] for layer in ("output", "norm3"))
    kernel = variables["params"]["output"]["kernel"]  # of the gradient, which is mirrored

    def halved(x):
        return jax.lax.conv_general_dilated(
            x,
            kernel[::-1, ::-1].swapaxes(2, 3),
            (2, 2),
            [(2, 2), (2, 2)],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    _, pull = jax.vjp(halved, jnp.zeros_like(found))
    np.testing.assert_allclose(found, pull(jax.nn.relu(hidden))[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", ["deconv1_z", "deconv2_z", "deconv3_z"])
def test_z_joins_every_layer_of_the_generator(layer):
    generator = DCGANGenerator(16, 3, WIDTH)
    variables = init(generator, Z)
    without = {
        **variables["params"],
        layer: {"kernel": jnp.zeros_like(variables["params"][layer]["kernel"])},
    }
    outputs = [
        apply(generator, {**variables, "params": params}, Z, train=True, mutable=["batch_stats"])[0]
        for params in (variables["params"], without)
    ]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4


def test_discriminator_of_pairs_looks_at_both():
    discriminator = DCGANDiscriminator(("xz",), WIDTH)
    variables = init(discriminator, X, Z)
    assert {name for name in variables["params"] if name.endswith("_z")} == {
        *("conv1_z", "conv2_z", "conv3_z"),
    }
    variables = with_output(variables, "theta_xz")
    scores = [apply(discriminator, variables, *pair)["xz"] for pair in ((X, Z), (X, -Z), (-X, Z))]
    assert scores[0].shape == (4,) and scores[0].dtype == jnp.float32
    assert np.abs(scores[0] - scores[1]).min() > 0 and np.abs(scores[0] - scores[2]).min() > 0


def test_discriminator_of_a_gan_sees_no_latents_and_shows_its_features():
    discriminator = DCGANDiscriminator(("x",), WIDTH)
    variables = with_output(init(discriminator, X, Z), "theta_x")
    assert not [name for name in variables["params"] if name.endswith("_z")]
    scores, kept = apply(discriminator, variables, X, Z, mutable=["intermediates"])
    (features,) = kept["intermediates"]["features"]
    assert features.shape == (4, 32)
    expected = (features @ variables["params"]["theta_x"]["kernel"])[:, 0]
    np.testing.assert_allclose(scores["x"], expected, rtol=1e-4, atol=1e-6)
