"""The generator: sizes, parameters, and its block against a plain restatement."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.generator import MULTIPLIERS, Generator, GeneratorBlock, z_chunks
from bigbigan_jax.models.layers import ConditionalBatchNorm
from bigbigan_jax.models.spectral_norm import SNConv


def abstract(generator, z_dim):
    z = jnp.zeros((2, z_dim))
    images, variables = jax.eval_shape(
        lambda key: generator.init_with_output(key, z, train=True), jax.random.key(0)
    )
    return images, variables


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_parameters_of_the_paper():
    _, variables = abstract(Generator(128, channels=96), 120)
    assert count(variables["params"]) == 70_306_116


@pytest.mark.parametrize("size", MULTIPLIERS)
def test_every_size(size):
    chunks = z_chunks(size)
    images, variables = abstract(Generator(size, channels=8, image_channels=1), 3 * chunks)
    assert images.shape == (2, size, size, 1)
    blocks = [name for name in variables["params"] if name.startswith("block")]
    assert 4 * 2 ** len(blocks) == size and len(blocks) == chunks - 1
    assert ("attention" in variables["params"]) == (size >= 64)
    assert {"norm0", "norm1", "conv0", "conv1", "shortcut"} == set(variables["params"]["block0"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_are_float32_and_images_of_the_dtype(dtype):
    images, variables = abstract(Generator(64, channels=8, dtype=jnp.dtype(dtype)), 20)
    assert images.dtype == dtype
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_every_chunk_of_z_and_the_shared_vector_matter():
    generator = Generator(16, channels=4, embedding_dim=4)
    z = jax.random.normal(jax.random.key(1), (4, 9))
    variables = jax.jit(lambda key: generator.init(key, z, train=True))(jax.random.key(0))

    @jax.jit
    def gradients(z, embedding):
        def total(z, embedding):
            params = {**variables["params"], "embedding": embedding}
            images = generator.apply({**variables, "params": params}, z, train=False)
            return jnp.sum(images**2), images

        return jax.grad(total, argnums=(0, 1), has_aux=True)(z, embedding)

    (of_z, of_embedding), images = gradients(z, variables["params"]["embedding"])
    assert np.abs(images).max() < 1
    assert (np.abs(of_z) > 0).all() and np.abs(of_embedding).max() > 0


def test_block_as_restated():
    x = jax.random.normal(jax.random.key(1), (3, 4, 4, 5))
    condition = jax.random.normal(jax.random.key(2), (3, 6))
    block = GeneratorBlock(7, train=True, dtype=jnp.float32)
    variables = block.init(jax.random.key(0), x, condition)

    def layer(module, name, *inputs):
        own = {kind: value[name] for kind, value in variables.items() if name in value}
        return module.apply(own, *inputs, mutable=["batch_stats"])[0]

    def nearest(x):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    norm = ConditionalBatchNorm(train=True, dtype=jnp.float32)
    y = nearest(nn.relu(layer(norm, "norm0", x, condition)))
    y = layer(SNConv(7, (3, 3)), "conv0", y)
    y = nn.relu(layer(norm, "norm1", y, condition))
    y = layer(SNConv(7, (3, 3)), "conv1", y)
    y = y + layer(SNConv(7, (1, 1)), "shortcut", nearest(x))
    found, _ = block.apply(variables, x, condition, mutable=["batch_stats"])
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-5)
