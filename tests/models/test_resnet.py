"""ResNet-v2 trunks: the paper's parameter counts, and a block against a plain restatement."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.encoder import TRUNKS
from bigbigan_jax.models.layers import batch_norm
from bigbigan_jax.models.linear import Conv
from bigbigan_jax.models.resnet import ResNetBlock


def abstract(name, width, size, dtype=jnp.float32):
    trunk = TRUNKS[name](width=width, dtype=dtype)
    x = jnp.zeros((1, size, size, 3))
    return jax.eval_shape(lambda key: trunk.init_with_output(key, x, True), jax.random.key(0))


@pytest.mark.parametrize(
    "name, width, parameters",
    [("resnet50", 1, 23_500_352), ("resnet101", 1, 42_492_480), ("resnet50", 2, 93_891_712)],
)
def test_parameters_of_the_paper(name, width, parameters):
    features, variables = abstract(name, width, 256)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters
    assert features.shape == (1, 8, 8, 2048 * width)


@pytest.mark.parametrize("size, side", [(8, 1), (32, 4)])
def test_small_images_keep_their_resolution_in_the_stem(size, side):
    features, variables = abstract("resnet18", 0.25, size)
    assert features.shape == (1, side, side, 128)
    assert variables["params"]["stem"]["conv"]["kernel"].shape == (3, 3, 3, 16)


def test_bfloat16_computes_with_float32_weights():
    features, variables = abstract("resnet18", 0.25, 8, jnp.bfloat16)
    assert features.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


@pytest.mark.parametrize("bottleneck", [True, False])
@pytest.mark.parametrize("stride, channels", [(2, 5), (1, 5), (1, None)])
def test_block_as_restated(stride, channels, bottleneck):
    out = 16 if bottleneck else 4
    channels = channels or out
    x = jax.random.normal(jax.random.key(1), (2, 4, 4, channels))
    block = ResNetBlock(4, stride, bottleneck, train=True, dtype=jnp.float32)
    variables = block.init(jax.random.key(0), x)

    def apply(module, name, x):
        own = {kind: value[name] for kind, value in variables.items() if name in value}
        return module.apply(own, x, mutable=["batch_stats"])[0]

    def activated(i, x):
        return nn.relu(apply(batch_norm(True, jnp.float32, None), f"norm{i}", x))

    strides = (stride, stride)
    y = activated(0, x)
    projected = stride > 1 or channels != out
    shortcut = apply(Conv(out, (1, 1), strides), "shortcut", y) if projected else x
    if bottleneck:
        y = activated(1, apply(Conv(4, (1, 1)), "conv0", y))
        y = activated(2, apply(Conv(4, (3, 3), strides), "conv1", y))
        y = apply(Conv(16, (1, 1)), "conv2", y)
    else:
        y = activated(1, apply(Conv(4, (3, 3), strides), "conv0", y))
        y = apply(Conv(4, (3, 3)), "conv1", y)
    found, _ = block.apply(variables, x, mutable=["batch_stats"])
    np.testing.assert_allclose(found, y + shortcut, rtol=1e-4, atol=1e-5)
    assert ("shortcut" in variables["params"]) == projected
