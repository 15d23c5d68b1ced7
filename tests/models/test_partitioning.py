"""Where batches and weights lie on eight devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from bigbigan_jax.mesh import data_mesh, replicated, split_axis
from bigbigan_jax.models.partitioning import (
    gathered,
    partitioned,
    shard_spec,
    sharded,
    split_batch,
    whole,
)


@pytest.mark.parametrize(
    "shape, devices, axes",
    [
        ((3, 3, 1536, 768), 128, (None, None, "data")),
        ((3, 3, 768, 1536), 128, (None, None, None, "data")),
        ((4096, 120), 128, ("data",)),
        ((3, 3, 192, 192), 128, ()),  # 128 divides none
        ((65536,), 8, ()),  # a bias
        ((128, 128), 8, ()),  # small
        ((), 8, ()),
    ],
)
def test_the_longest_axis_that_divides_is_sharded(shape, devices, axes):
    assert shard_spec(shape, devices) == PartitionSpec(*axes)


FORMS = {"split_batch": split_batch, "sharded": sharded, "whole": whole, "gathered": gathered}


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_pinned_out_of_context(form):
    text = jax.jit(FORMS[form]).lower(jnp.ones((512, 256))).as_text()
    assert "sharding_constraint" not in text


@pytest.mark.parametrize(
    "shard_weights, form, spec",
    [
        (True, "split_batch", PartitionSpec("data")),
        (False, "split_batch", PartitionSpec("data")),
        (True, "sharded", PartitionSpec("data")),
        (True, "whole", PartitionSpec()),
        (True, "gathered", PartitionSpec()),
        (False, "sharded", PartitionSpec()),
    ],
)
def test_pinned_in_context(shard_weights, form, spec):
    mesh = data_mesh()

    def pinned(x):
        with partitioned(mesh, shard_weights):
            return FORMS[form](2 * x)

    x = jax.device_put(np.ones((512, 256)), replicated(mesh))
    assert jax.jit(pinned)(x).sharding.spec == spec


def test_gradient_of_a_gathered_kernel_is_sharded():
    mesh = data_mesh()

    def gradient(kernel, x):
        with partitioned(mesh, shard_weights=True):
            return jax.grad(lambda kernel: jnp.sum((x @ gathered(kernel)) ** 2))(kernel)

    kernel = np.ones((512, 256))
    x = jax.device_put(np.ones((8, 512)), split_axis(mesh))  # so that the sum is over devices
    result = jax.jit(gradient)(kernel, x)
    assert result.sharding.spec == PartitionSpec("data")
    np.testing.assert_allclose(result, 2 * x.T @ (x @ kernel))
