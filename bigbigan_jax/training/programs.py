"""The compiled programs of a run."""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from bigbigan_jax.mesh import replicated, split_axis
from bigbigan_jax.models.partitioning import partitioned, shard_spec, whole
from bigbigan_jax.training.family import Family
from bigbigan_jax.training.resident import update_resident

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Programs:
    """The methods of a family (see there), jitted over a mesh.

    Attributes:
      state: shapes, dtypes and shardings of the state (see `abstract_state`).
      init: the state before the first step, from a key.
      update: the training step, or several on images that stay on the devices (see
        `bigbigan_jax.training.resident`); consumes the state it is given.
      monitor: metrics that need forward passes of their own.
      evaluation_variables: weights and statistics for the last four.
      evaluation_statistics: the statistics without the weights, for a checkpoint.
      sample: with arguments (variables, key, count).
      encode: with arguments (variables, images).
      features: with arguments (variables, images); both the images and the result are split over
        the devices.
      reconstruct: with arguments (variables, images).
    """

    state: PyTree
    init: Callable[..., Any]
    update: Callable[..., Any]
    monitor: Callable[..., Any]
    evaluation_variables: Callable[..., Any]
    evaluation_statistics: Callable[..., Any]
    sample: Callable[..., Any]
    encode: Callable[..., Any]
    features: Callable[..., Any]
    reconstruct: Callable[..., Any]

    @classmethod
    def of(cls, family: Family, mesh: Mesh) -> "Programs":
        """Jits the methods; but for state and features, results are whole on every device."""
        everywhere, state = replicated(mesh), abstract_state(family, mesh)
        results = state_sharding(state)

        def training(method: Callable[..., Any], out_shardings: Any, **options) -> Callable:
            method = on_mesh(method, mesh, family.shard_weights)
            return jax.jit(method, out_shardings=out_shardings, **options)

        def evaluating(method: Callable[..., Any], **options) -> Callable:
            # Weights are gathered once, not at each of many passes.
            method = on_mesh(method, mesh, shard_weights=False)
            gather = on_mesh(whole, mesh, family.shard_weights)

            @functools.wraps(method)
            def gathered_first(weights: PyTree, *arguments: Any) -> Any:
                return method(gather(weights), *arguments)

            return jax.jit(gathered_first, out_shardings=everywhere, **options)

        return cls(
            state=state,
            init=training(family.init, results),
            update=training(_of_any_batch(family), (results, everywhere), donate_argnums=0),
            monitor=evaluating(family.monitor),
            evaluation_variables=evaluating(family.evaluation_variables),
            evaluation_statistics=evaluating(family.evaluation_statistics),
            sample=evaluating(family.sample, static_argnums=2),
            encode=evaluating(family.encode),
            features=jax.jit(
                on_mesh(family.features, mesh, shard_weights=False), out_shardings=split_axis(mesh)
            ),
            reconstruct=evaluating(family.reconstruct),
        )


def _of_any_batch(family: Family) -> Callable[..., Any]:
    def update(state: PyTree, batch: dict[str, jax.Array], key: jax.Array) -> Any:
        if "index" in batch:
            return update_resident(family.update, state, batch, key)
        return family.update(state, batch, key)

    return update


def on_mesh(method: Callable[..., Any], mesh: Mesh, shard_weights: bool) -> Callable[..., Any]:
    """The method, to be traced for a mesh (see `bigbigan_jax.models.partitioning`)."""

    @functools.wraps(method)
    def traced(*arguments: Any) -> Any:
        with partitioned(mesh, shard_weights):
            return method(*arguments)

    return traced


def state_sharding(state: PyTree) -> PyTree:
    """Where the leaves of a state lie, be they arrays or shapes."""
    return jax.tree.map(lambda leaf: leaf.sharding, state)


def abstract_state(family: Family, mesh: Mesh) -> PyTree:
    """Shapes, dtypes and shardings of the family's state.

    Weights, optimiser states and averages may be split over the devices; all else is on each.
    """
    state = jax.eval_shape(family.init, abstract_key(mesh))

    def placed(leaf: jax.ShapeDtypeStruct, spec: PartitionSpec) -> jax.ShapeDtypeStruct:
        sharding = NamedSharding(mesh, spec)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    def split(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: placed(leaf, shard_spec(leaf.shape, mesh.size)), tree)

    if family.shard_weights:
        state = state.replace(
            params=split(state.params), opt_state=split(state.opt_state), ema=split(state.ema)
        )
    return jax.tree.map(
        lambda leaf: leaf if leaf.sharding else placed(leaf, PartitionSpec()), state
    )


def abstract_batch(family: Family, batch_size: int, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes, dtypes and shardings of what one update reads."""
    side = family.image_size
    shape = (family.batches_per_step, batch_size, side, side, family.image_channels)
    return {"image": jax.ShapeDtypeStruct(shape, jnp.uint8, sharding=split_axis(mesh, 1))}


def abstract_key(mesh: Mesh) -> jax.ShapeDtypeStruct:
    """Shape, dtype and sharding of the key of a run."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    return jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=replicated(mesh))


def lower_update(
    programs: Programs, mesh: Mesh, batch: dict[str, jax.ShapeDtypeStruct]
) -> jax.stages.Lowered:
    """The training step for such a batch, traced and lowered, ready to be compiled."""
    return programs.update.lower(programs.state, batch, abstract_key(mesh))


def compile_update(
    programs: Programs, mesh: Mesh, batch: dict[str, jax.ShapeDtypeStruct]
) -> tuple[Callable[..., Any], float]:
    """Compiles the training step ahead of its first call.

    Returns:
      The compiled step, and how many seconds it took.
    """
    began = time.perf_counter()
    compiled = lower_update(programs, mesh, batch).compile()
    return compiled, time.perf_counter() - began
