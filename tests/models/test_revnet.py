"""RevNet trunks: the paper's parameter counts, gradients, statistics, memory."""

import functools
import importlib.util
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import ROOT

from bigbigan_jax.models import revnet
from bigbigan_jax.models.encoder import TRUNKS
from bigbigan_jax.models.reversible import reversible_units
from bigbigan_jax.models.revnet import Bottleneck, RevNet, _transition


def abstract(name, width, size, dtype=jnp.float32):
    trunk = TRUNKS[name](width=width, dtype=dtype)
    x = jnp.zeros((1, size, size, 3))
    return jax.eval_shape(lambda key: trunk.init_with_output(key, x, True), jax.random.key(0))


@pytest.mark.parametrize("width, parameters", [(1, 5_408_640), (2, 21_505_792), (4, 85_765_632)])
def test_parameters_and_features_of_the_paper(width, parameters):
    features, variables = abstract("revnet50", width, 256, jnp.bfloat16)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters
    assert features.shape == (1, 8, 8, 2048 * width) and features.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_a_bottleneck_has_no_shortcut_and_a_quarter_of_the_channels_inside():
    shapes = jax.eval_shape(
        Bottleneck(True, jnp.float32).init, jax.random.key(0), jnp.ones((1, 4, 4, 8))
    )
    kernels = [shapes["params"][f"conv{i}"]["kernel"].shape for i in range(3)]
    assert kernels == [(1, 1, 8, 2), (3, 3, 2, 2), (1, 1, 2, 8)]


def test_between_stages_channels_double_with_zeros_on_both_sides():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype(np.float32)
    doubled = np.concatenate(_transition(x[..., :3], x[..., 3:]), axis=-1)
    pooled = x.reshape(2, 2, 2, 2, 2, 6).mean(axis=(2, 4))
    np.testing.assert_allclose(doubled[..., 3:9], pooled, rtol=1e-6)
    assert doubled.shape == (2, 2, 2, 12)
    assert not doubled[..., :3].any() and not doubled[..., 9:].any()


@pytest.fixture(scope="module")
def small():
    trunk = TRUNKS["revnet14"](width=1 / 16, dtype=jnp.float32)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(16, 8, 8, 1)), jnp.float32)
    return trunk, jax.jit(trunk.init, static_argnums=2)(jax.random.key(0), x, True), x


def gradient_and_averages(trunk, variables, x, units=reversible_units):
    """Of a loss of the features, with units reversed or as automatic differentiation has them."""

    def loss(params, x):
        features, updated = trunk.apply(
            {**variables, "params": params}, x, True, mutable=["batch_stats"]
        )
        return jnp.mean(jnp.sin(3 * features)), updated["batch_stats"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revnet, "reversible_units", units)
        gradient = jax.jit(jax.grad(loss, (0, 1), has_aux=True))
        return gradient(variables["params"], x)


def test_gradients_and_averages_are_those_of_automatic_differentiation(small):
    gradients, averages = gradient_and_averages(*small)
    plain, plain_averages = gradient_and_averages(*small, units=reversible_units.__wrapped__)
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(gradients), jax.tree.leaves(plain), strict=True
    ):
        assert jnp.linalg.norm(a - b) <= 1e-4 * jnp.linalg.norm(b) + 1e-7, path
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), averages, plain_averages)


def test_bfloat16_gradients_are_those_of_automatic_differentiation():
    """Deep enough for a rounding left out in one pass to grow."""
    trunk = RevNet((3, 3, 3), imagenet_stem=False, width=1 / 16, dtype=jnp.bfloat16)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 32, 32, 3)), jnp.float32)
    variables = jax.jit(trunk.init, static_argnums=2)(jax.random.key(0), x, True)
    (gradients, _), _ = gradient_and_averages(trunk, variables, x)
    (plain, _), _ = gradient_and_averages(trunk, variables, x, units=reversible_units.__wrapped__)
    errors = jax.tree.map(
        lambda a, b: float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)), gradients, plain
    )
    assert np.median(jax.tree.leaves(errors)) < 0.01


def test_averages_move_once_in_training_and_not_in_evaluation(small):
    trunk, variables, x = small
    _, averages = gradient_and_averages(trunk, variables, x)
    first = variables["batch_stats"]["stage0"]["unit0"]["norm0"]
    stem = variables["params"]["stem"]["conv"]["kernel"]
    y = jax.lax.conv_general_dilated(
        x, stem, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    expected = 0.99 * first["mean"] + 0.01 * y[..., y.shape[-1] // 2 :].mean(axis=(0, 1, 2))
    np.testing.assert_allclose(averages["stage0"]["unit0"]["norm0"]["mean"], expected, atol=1e-6)
    _, evaluated = trunk.apply(variables, x, False, mutable=["batch_stats"])
    jax.tree.map(np.testing.assert_array_equal, evaluated["batch_stats"], variables["batch_stats"])


def remembered(stage_sizes, units=reversible_units):
    """Bytes that the forward pass keeps for the backward pass."""
    trunk = RevNet(stage_sizes, imagenet_stem=True, width=1 / 8, dtype=jnp.bfloat16)
    x = jnp.zeros((8, 64, 64, 3))
    variables = jax.eval_shape(lambda: trunk.init(jax.random.key(0), x, True))

    def pull_back(variables, x):
        return jax.vjp(lambda v: trunk.apply(v, x, True, mutable=["batch_stats"])[0], variables)[1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revnet, "reversible_units", units)
        kept = jax.tree.leaves(jax.eval_shape(pull_back, variables, x))
    weights = sum(leaf.size * 4 for leaf in jax.tree.leaves(variables))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in kept) - weights


def test_what_is_remembered_does_not_grow_with_the_number_of_units():
    plain = reversible_units.__wrapped__
    assert remembered((4, 4)) == remembered((2, 2)) < 0.5 * remembered((2, 2), plain)
    assert remembered((4, 4), plain) > 1.5 * remembered((2, 2), plain)


@pytest.mark.skipif(not importlib.util.find_spec("libtpu"), reason="needs the TPU compiler")
def test_compiled_memory_does_not_grow_with_the_number_of_units():
    """By the TPU compiler; XLA's CPU backend drops the barriers that reversing needs."""
    arguments = ["--width=1", "--image_size=64", "--small_stem", "--stages", "3", "6"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.revnet_memory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    reversible, _, deeper, plain_deeper = (
        float(line.split()[2]) for line in done.stdout.splitlines()[1:]
    )
    assert deeper < 1.1 * reversible
    assert deeper < 0.5 * plain_deeper
