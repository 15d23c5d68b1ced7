"""BiGAN's E on ImageNet: sizes, groups, features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.config import default_config
from bigbigan_jax.models.alexnet import AlexNetEncoder
from bigbigan_jax.models.architectures import build_networks

X = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
SMALL = AlexNetEncoder(z_dim=3, prior="uniform", width=1 / 16)


def init(encoder):
    return jax.jit(lambda key: encoder.init(key, X, train=True))(jax.random.key(0))


def encode(encoder, variables, x=X, mutable=("batch_stats",)):
    def apply(variables, x):
        return encoder.apply(variables, x, train=True, mutable=list(mutable))

    return jax.jit(apply)(variables, x)


@pytest.mark.parametrize("size, side", [(64, 4), (112, 7)])
def test_sizes_are_those_of_the_paper(size, side):
    config = default_config("bigan", "alexnet")
    config.model.encoder.image_size = size
    networks = build_networks(config.model.to_dict())
    assert networks.image_size == size and networks.generator.image_size == 64
    keys = dict.fromkeys(networks.names, jax.random.key(0))
    variables = jax.eval_shape(networks.init, keys)
    found = sum(leaf.size for leaf in jax.tree.leaves(variables["encoder"]["params"]))
    # Kernels of two groups have half of the channels before them; then gains and offsets.
    assert found == (
        11 * 11 * 3 * 96
        + 5 * 5 * 48 * 256 + 2 * 256
        + 3 * 3 * 256 * 384 + 2 * 384
        + 3 * 3 * 192 * 384 + 2 * 384
        + 3 * 3 * 192 * 256 + 2 * 256
        + side * side * 256 * 200
    )  # fmt: skip
    encoding = jax.eval_shape(networks.encode, variables, jnp.zeros((2, size, size, 3)))
    assert encoding.avepool_feat.shape == (2, side * side * 256)
    assert encoding.z_mean.shape == (2, 200)


def test_layers_of_112_px():
    encoder = AlexNetEncoder(z_dim=3, prior="uniform")
    shape = jax.ShapeDtypeStruct((1, 112, 112, 3), jnp.float32)
    variables = jax.eval_shape(lambda x: encoder.init(jax.random.key(0), x, True), shape)
    _, kept = jax.eval_shape(
        lambda v, x: encoder.apply(v, x, False, mutable=["intermediates"]), variables, shape
    )
    assert {name: layer[0].shape[1:] for name, layer in kept["intermediates"].items()} == {
        "conv1": (28, 28, 96),
        "conv2": (14, 14, 256),
        "conv3": (7, 7, 384),
        "conv4": (7, 7, 384),
        "conv5": (7, 7, 256),
    }


def test_latents_are_squashed_and_features_are_conv5():
    variables = init(SMALL)
    found, kept = encode(SMALL, variables, mutable=("batch_stats", "intermediates"))
    conv5 = kept["intermediates"]["conv5"][0]
    np.testing.assert_array_equal(found.avepool_feat, conv5.reshape(4, -1))
    kernel = variables["params"]["z_mean"]["kernel"]
    np.testing.assert_allclose(found.z_logits, found.avepool_feat @ kernel, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.z_mean, np.tanh(found.z_logits / 2), rtol=1e-4, atol=1e-6)
    assert not found.z_stdev.any()


def test_conv1_has_no_batch_norm_and_the_others_have():
    variables = init(SMALL)
    assert set(variables["batch_stats"]) == {"norm2", "norm3", "norm4", "norm5"}
    _, kept = encode(SMALL, variables, mutable=("batch_stats", "intermediates"))
    conv1, conv3 = (kept["intermediates"][name][0] for name in ("conv1", "conv3"))
    kernel = variables["params"]["convolution1"]["kernel"]
    padded = np.pad(X, ((0, 0), (5, 5), (5, 5), (0, 0)))
    corner = np.einsum("bhwc,hwcd->bd", padded[:, :11, :11], kernel)
    np.testing.assert_allclose(
        conv1[:, 0, 0], np.where(corner > 0, corner, 0.2 * corner), rtol=1e-3, atol=1e-5
    )
    normalized = np.where(conv3 > 0, conv3, conv3 / 0.2)  # LeakyReLU undone
    np.testing.assert_allclose(normalized.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(normalized.std(axis=(0, 1, 2)), 1, rtol=1e-3)


def test_a_group_sees_only_its_half_of_the_channels():
    variables = init(SMALL)

    def conv2(first_half):
        params = dict(variables["params"])
        kernel = params["convolution1"]["kernel"]  # 6 channels
        params["convolution1"] = {"kernel": kernel.at[..., :3].multiply(first_half)}
        changed = {**variables, "params": params}
        return encode(SMALL, changed, mutable=("batch_stats", "intermediates"))[1]["intermediates"]

    one, other = conv2(1.0)["conv2"][0], conv2(0.0)["conv2"][0]
    assert one.shape[-1] == 16
    np.testing.assert_array_equal(one[..., 8:], other[..., 8:])
    assert np.abs(one[..., :8] - other[..., :8]).max() > 0.1


def test_an_output_may_start_at_zero_and_a_normal_prior_is_not_squashed():
    encoder = AlexNetEncoder(z_dim=3, prior="normal", width=1 / 16, zero_output=True)
    variables = init(encoder)
    found, _ = encode(encoder, variables)
    assert not found.z_mean.any() and found.avepool_feat.any()
    params = {
        **variables["params"],
        "z_mean": {"kernel": jnp.ones((found.avepool_feat.shape[1], 3))},
    }
    found, _ = encode(encoder, {**variables, "params": params})
    np.testing.assert_array_equal(found.z_mean, found.z_logits)
