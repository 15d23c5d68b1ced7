"""Memory of a RevNet trunk's gradient, reversed and by plain automatic differentiation.

Plain means that nothing is computed a second time: neither the units nor the stem's convolution.

    python -m benchmarks.revnet_memory --width=4 --image_size=256 --topology=v5e:2x2

By the TPU compiler for one chip of the topology, without a TPU; needs libtpu (pip install -e
'.[tpu]'). XLA's CPU backend drops the barriers that reversing needs, so it cannot tell.
"""

import os

from bigbigan_jax.plan.environment import WITHOUT_TPU

os.environ.update(WITHOUT_TPU)

import argparse
from collections.abc import Sequence
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
from jax.sharding import SingleDeviceSharding

from bigbigan_jax.models import revnet
from bigbigan_jax.models.linear import Stem
from bigbigan_jax.models.reversible import reversible_units
from bigbigan_jax.plan.compiling import compiled_cost, mesh_of
from bigbigan_jax.plan.errors import PlanError
from bigbigan_jax.plan.topologies import parse_slice


def remembering_stem(
    features: int, imagenet: bool, dtype: Any, parts: int, name: str | None = None
) -> Stem:
    """A stem that remembers what it pools, instead of computing it again in parts."""
    return Stem(features, imagenet, dtype, name=name)


# What the modules use in place of their own.
FORMS = {
    "reversible": {"reversible_units": reversible_units},
    "plain": {"reversible_units": reversible_units.__wrapped__, "Stem": remembering_stem},
}


def compiled_gradient(
    trunk: revnet.RevNet, form: str, shape: Sequence[int], device: jax.Device
) -> jax.stages.Compiled:
    """Compiles the gradient of the sum of a trunk's features by its parameters.

    Args:
      trunk: the trunk.
      form: one of `FORMS`.
      shape: of the images, [B, H, W, C].
      device: what to compile for.
    """

    def loss(variables, x):
        features, _ = trunk.apply(variables, x, True, mutable=["batch_stats"])
        return features.astype(jnp.float32).sum()

    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    variables = jax.eval_shape(lambda x: trunk.init(jax.random.key(0), x, True), x)
    place = SingleDeviceSharding(device)
    arguments = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place), (variables, x)
    )
    with mock.patch.multiple(revnet, **FORMS[form]):
        return jax.jit(jax.grad(loss)).lower(*arguments).compile()


def main() -> None:
    """Compiles each depth in both forms; prints a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=float, default=4.0)
    parser.add_argument("--image_size", type=int, default=256)
    parser.add_argument("--batch_size", type=int, default=16, help="images on the chip")
    parser.add_argument("--stages", nargs="+", default=["3,4,6,3", "6,8,12,6"], help="units each")
    parser.add_argument("--small_stem", action="store_true", help="one 3x3 convolution")
    parser.add_argument("--topology", default="v5e:2x2")
    arguments = parser.parse_args()
    try:
        device = mesh_of(parse_slice(arguments.topology)).devices.flat[0]
    except PlanError as error:
        parser.error(str(error))
    shape = (arguments.batch_size, arguments.image_size, arguments.image_size, 3)
    print(f"{'units':<16} {'form':<12} {'temporaries, GiB':>18} {'TFLOP':>8}")
    for stages in arguments.stages:
        sizes = tuple(int(size) for size in stages.split(","))
        trunk = revnet.RevNet(sizes, not arguments.small_stem, arguments.width, jnp.bfloat16)
        for form in FORMS:
            compiled = compiled_gradient(trunk, form, shape, device)
            gib = compiled.memory_analysis().temp_size_in_bytes / 2**30
            tflop = compiled_cost(compiled)["flops"] / 1e12
            print(f"{stages:<16} {form:<12} {gib:18.4f} {tflop:8.2f}", flush=True)


if __name__ == "__main__":
    main()
