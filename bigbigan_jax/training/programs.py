"""The compiled programs of a run."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from bigbigan_jax.training.family import Family
from bigbigan_jax.training.mesh import replicated, split_axis

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Programs:
    """The methods of a family (see there), jitted over a mesh.

    Attributes:
      init: the state before the first step, from a key.
      update: the training step; consumes the state it is given.
      monitor: metrics that need forward passes of their own.
      evaluation_variables: weights and statistics for the three below.
      sample: with arguments (variables, key, count).
      encode: with arguments (variables, images).
      reconstruct: with arguments (variables, images).
    """

    init: Callable[..., Any]
    update: Callable[..., Any]
    monitor: Callable[..., Any]
    evaluation_variables: Callable[..., Any]
    sample: Callable[..., Any]
    encode: Callable[..., Any]
    reconstruct: Callable[..., Any]

    @classmethod
    def of(cls, family: Family, mesh: Mesh) -> "Programs":
        """Jits the methods; their results are whole on every device."""
        everywhere = replicated(mesh)
        return cls(
            init=jax.jit(family.init, out_shardings=everywhere),
            update=jax.jit(family.update, donate_argnums=0, out_shardings=everywhere),
            monitor=jax.jit(family.monitor, out_shardings=everywhere),
            evaluation_variables=jax.jit(family.evaluation_variables, out_shardings=everywhere),
            sample=jax.jit(family.sample, static_argnums=2, out_shardings=everywhere),
            encode=jax.jit(family.encode, out_shardings=everywhere),
            reconstruct=jax.jit(family.reconstruct, out_shardings=everywhere),
        )


def abstract_state(family: Family, mesh: Mesh) -> PyTree:
    """Shapes, dtypes and shardings of the family's state."""
    shapes = jax.eval_shape(family.init, jax.eval_shape(lambda: jax.random.key(0)))
    sharding = replicated(mesh)
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), shapes
    )


def abstract_batch(family: Family, batch_size: int, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes, dtypes and shardings of what one update reads."""
    side = family.image_size
    shape = (family.batches_per_step, batch_size, side, side, family.image_channels)
    return {"image": jax.ShapeDtypeStruct(shape, jnp.uint8, sharding=split_axis(mesh, 1))}


def compile_update(
    programs: Programs, family: Family, batch_size: int, mesh: Mesh
) -> tuple[Callable[..., Any], float]:
    """Compiles the training step ahead of its first call.

    Returns:
      The compiled step, and how many seconds it took.
    """
    began = time.perf_counter()
    key = jax.eval_shape(lambda: jax.random.key(0))
    key = jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=replicated(mesh))
    arguments = abstract_state(family, mesh), abstract_batch(family, batch_size, mesh), key
    return programs.update.lower(*arguments).compile(), time.perf_counter() - began
