"""Prints the bytes of temporary arrays of a RevNet's gradient, by the TPU compiler.

For 3 and for 6 units, reversible, and for 6 plain units.
"""

import os

os.environ.update(
    JAX_PLATFORMS="cpu",
    JAX_ENABLE_COMPILATION_CACHE="false",
    TPU_SKIP_MDS_QUERY="1",
    ALLOW_MULTIPLE_LIBTPU_LOAD="true",
    TPU_WORKER_HOSTNAMES="localhost",
    TPU_ACCELERATOR_TYPE="v5litepod-4",
)

import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from bigbigan_jax.models import revnet
from bigbigan_jax.models.reversible import reversible_units

DEVICE = topologies.get_topology_desc("v3:2x2", platform="tpu").devices[0]


def compiled_memory(number, units):
    revnet.reversible_units = units
    trunk = revnet.RevNet((number,), imagenet_stem=False, width=1.0, dtype=jnp.bfloat16)

    def loss(variables, x):
        features, _ = trunk.apply(variables, x, True, mutable=["batch_stats"])
        return features.astype(jnp.float32).sum()

    x = jax.ShapeDtypeStruct((16, 64, 64, 3), jnp.float32)
    variables = jax.eval_shape(lambda x: trunk.init(jax.random.key(0), x, True), x)
    variables, x = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=SingleDeviceSharding(DEVICE)
        ),
        (variables, x),
    )
    compiled = jax.jit(jax.grad(loss)).lower(variables, x).compile()
    return compiled.memory_analysis().temp_size_in_bytes


print(compiled_memory(3, reversible_units))
print(compiled_memory(6, reversible_units))
print(compiled_memory(6, reversible_units.__wrapped__))
