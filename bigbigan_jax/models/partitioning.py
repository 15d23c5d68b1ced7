"""Where batches and weights lie on the devices of a mesh.

Programs are written for the global batch (`jax.jit` over a mesh), so nothing here changes a result
but for the order of sums. Batches are split over the devices. Weights, with their optimiser states
and averages, are whole on each device or sharded: every device then keeps and updates its part of
each large array, and a kernel is gathered, in the type of the computation, where a layer uses it
(ZeRO, Rajbhandari et al. 2020, arXiv 1910.02054). The compiler must be told where that is and where
gradients are whole, or it would split the convolutions too.

All functions do nothing outside of a `partitioned` context.
"""

import contextlib
import contextvars
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

PyTree = Any

AXIS = "data"
# Smaller arrays are biases and the like: sharding them costs more messages than it saves bytes.
SMALLEST_SHARDED = 2**16


@dataclasses.dataclass(frozen=True)
class _Partitioning:
    mesh: Mesh
    shard_weights: bool


_current: contextvars.ContextVar[_Partitioning | None] = contextvars.ContextVar(
    "partitioning", default=None
)


@contextlib.contextmanager
def partitioned(mesh: Mesh, shard_weights: bool) -> Iterator[None]:
    """What is traced within is for this mesh, which has one axis, `AXIS`.

    Args:
      mesh: the devices.
      shard_weights: whether weights are sharded where no layer uses them.
    """
    token = _current.set(_Partitioning(mesh, shard_weights))
    try:
        yield
    finally:
        _current.reset(token)


def shard_spec(shape: Sequence[int], devices: int) -> PartitionSpec:
    """How a weight is sharded: along the longest of the axes that the devices divide evenly."""
    axes = [i for i, size in enumerate(shape) if size % devices == 0]
    if len(shape) < 2 or math.prod(shape) < SMALLEST_SHARDED or not axes:
        return PartitionSpec()
    longest = max(axes, key=lambda i: shape[i])
    return PartitionSpec(*[None] * longest, AXIS)


def split_batch(x: jax.Array, axis: int = 0) -> jax.Array:
    """Pins an array [B, …] split over the devices by its first axis, or another."""
    current = _current.get()
    spec = PartitionSpec(*[None] * axis, AXIS)
    return x if current is None else _pin(x, current.mesh, spec)


def sharded(tree: PyTree) -> PyTree:
    """Pins weights, or arrays of their shapes, to the parts that the devices keep."""
    current = _current.get()
    if current is None or not current.shard_weights:
        return tree
    mesh = current.mesh
    return jax.tree.map(lambda x: _pin(x, mesh, shard_spec(x.shape, mesh.size)), tree)


def whole(tree: PyTree) -> PyTree:
    """Pins weights to be whole on every device."""
    current = _current.get()
    if current is None or not current.shard_weights:
        return tree
    return jax.tree.map(lambda x: _pin(x, current.mesh, PartitionSpec()), tree)


@jax.custom_vjp
def gathered(kernel: jax.Array) -> jax.Array:
    """A kernel, whole on every device, whose gradient is summed over the devices and then sharded.

    Args:
      kernel: of any shape, in the type it is used in: that is what the devices send each other.
    """
    return whole(sharded(kernel))


gathered.defvjp(lambda kernel: (gathered(kernel), None), lambda _, g: (sharded(whole(g)),))


def _pin(x: jax.Array, mesh: Mesh, spec: PartitionSpec) -> jax.Array:
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))
