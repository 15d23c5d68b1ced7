"""The joint discriminator: sizes, parameters, terms, and its block against a restatement."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.discriminator import (
    BLOCKS,
    TERMS,
    Discriminator,
    DiscriminatorBlock,
    ImageTrunk,
)
from bigbigan_jax.models.spectral_norm import SNConv

SUBSETS = [
    terms for size in (1, 2, 3) for terms in itertools.combinations(TERMS, size)
]  # fmt: skip


def abstract(discriminator, size=None, channels=3):
    size = size or discriminator.image_size
    x, z = jnp.zeros((2, size, size, channels)), jnp.zeros((2, 8))
    return jax.eval_shape(lambda key: discriminator.init_with_output(key, x, z), jax.random.key(0))


def test_parameters_of_the_paper():
    trunk = ImageTrunk(128, channels=96, attention_resolution=64, dtype=jnp.float32)
    x = jnp.zeros((1, 128, 128, 3))
    features, variables = jax.eval_shape(
        lambda key: trunk.init_with_output(key, x), jax.random.key(0)
    )
    assert features.shape == (1, 1536)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == 86_444_833


@pytest.mark.parametrize("size", BLOCKS)
def test_every_size(size):
    scores, variables = abstract(Discriminator(size, channels=8, mlp_width=16), channels=1)
    assert {term: score.shape for term, score in scores.items()} == dict.fromkeys(TERMS, (2,))
    trunk = variables["params"]["F"]
    assert ("attention" in trunk) == (size >= 128)
    halvings = sum(downsample for _, downsample in BLOCKS[size])
    assert size / 2**halvings == (8 if size in (16, 32) else 4)
    last = trunk[f"block{len(BLOCKS[size]) - 1}"]
    assert "shortcut" in trunk["block0"] and ("shortcut" in last) == (size == 64)


@pytest.mark.parametrize("terms", SUBSETS)
def test_what_no_term_needs_has_no_parameters(terms):
    scores, variables = abstract(Discriminator(8, terms, channels=4, mlp_width=16))
    expected = {f"theta_{term}" for term in terms}
    expected |= {"F"} if {"x", "xz"} & set(terms) else set()
    expected |= {"H"} if {"z", "xz"} & set(terms) else set()
    expected |= {"J"} if "xz" in terms else set()
    assert set(scores) == set(terms) and set(variables["params"]) == expected


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_and_scores_are_float32(dtype):
    scores, variables = abstract(Discriminator(8, channels=4, mlp_width=16, dtype=jnp.dtype(dtype)))
    leaves = jax.tree.leaves([scores, variables])
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


def test_mlps_have_eight_layers():
    _, variables = abstract(Discriminator(8, channels=4, mlp_width=16))
    for name in ("H", "J"):
        layers = [key for key in variables["params"][name] if "skip" not in key]
        assert len(layers) == 8
    joint = variables["params"]["J"]["block0_dense0"]["kernel"]
    assert joint.shape == (4 * 4 + 16, 16)


def test_every_layer_has_spectral_norm():
    _, variables = abstract(Discriminator(128, channels=8, mlp_width=16))
    paths = jax.tree_util.tree_leaves_with_path(variables["params"])
    layers = {path[:-1] for path, _ in paths if path[-1].key == "kernel"}
    vectors = jax.tree_util.tree_leaves_with_path(variables["spectral"])
    assert layers == {path[:-1] for path, _ in vectors if path[-1].key == "u"}


@pytest.mark.parametrize("preactivation", [True, False])
@pytest.mark.parametrize("features, downsample", [(7, True), (7, False), (5, False)])
def test_block_as_restated(features, downsample, preactivation):
    x = jax.random.normal(jax.random.key(1), (3, 4, 4, 5))
    block = DiscriminatorBlock(features, downsample, preactivation, jnp.float32)
    variables = block.init(jax.random.key(0), x)

    def conv(size, name, inputs):
        own = {kind: value[name] for kind, value in variables.items()}
        return SNConv(features, (size, size)).apply(own, inputs)

    def pool(x):
        return nn.avg_pool(x, (2, 2), (2, 2)) if downsample else x

    y = conv(3, "conv0", nn.relu(x) if preactivation else x)
    y = pool(conv(3, "conv1", nn.relu(y)))
    shortcut = conv(1, "shortcut", x) if downsample or features != 5 else x
    np.testing.assert_allclose(block.apply(variables, x), y + pool(shortcut), rtol=1e-4, atol=1e-5)


def test_trunk_is_blocks_then_a_sum_over_space():
    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    trunk = ImageTrunk(8, channels=1, attention_resolution=64, dtype=jnp.float32)
    variables = trunk.init(jax.random.key(0), x)
    y = x
    for i, downsample in enumerate((True, False)):
        own = {kind: value[f"block{i}"] for kind, value in variables.items()}
        # The first block takes the image raw: half of its values are negative.
        y = DiscriminatorBlock(4, downsample, i > 0, jnp.float32).apply(own, y)
    expected = np.maximum(y, 0).sum(axis=(1, 2))
    np.testing.assert_allclose(trunk.apply(variables, x), expected, rtol=1e-4, atol=1e-5)
