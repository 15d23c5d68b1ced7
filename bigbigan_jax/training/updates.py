"""The parts of an update that every player shares. Nothing that is not finite is kept."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from bigbigan_jax.models.partitioning import sharded
from bigbigan_jax.training.state import TrainState

PyTree = Any


def all_finite(tree: PyTree) -> jax.Array:
    """Whether all entries of all leaves are finite: a bool scalar."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]).all()


def keep_if(ok: jax.Array | bool, new: PyTree, old: PyTree) -> PyTree:
    """`new` where `ok`, else `old`."""
    if ok is True:
        return new
    return jax.tree.map(lambda n, o: jnp.where(ok, n, o), new, old)


def mean_over_parts(
    function: Callable[[jax.Array, jax.Array], PyTree], parts: int, x: jax.Array, key: jax.Array
) -> PyTree:
    """The mean of what a function returns for the parts of a batch, taken one after the other.

    Args:
      function: of (part of x, key).
      parts: how many; 1 calls `function` with all of x and the key itself.
      x: [B, …], B a multiple of `parts`.
      key: split into one for each part.
    """
    if parts == 1:
        return function(x, key)
    x, keys = parts_of_batches(x[None], parts), jax.random.split(key, parts)
    shapes = jax.eval_shape(function, x[0], keys[0])
    zeros = sharded(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes))

    def add(total: PyTree, part: tuple[jax.Array, jax.Array]) -> tuple[PyTree, None]:
        return sharded(jax.tree.map(jnp.add, total, function(*part))), None

    total, _ = jax.lax.scan(add, zeros, (x, keys))
    return jax.tree.map(lambda leaf: leaf / parts, total)


def parts_of_batches(x: jax.Array, parts: int) -> jax.Array:
    """N batches [N, B, …] as smaller ones [N · parts, B / parts, …]."""
    # Of every parts-th example, so that every device keeps its own.
    x = x.reshape(len(x), -1, parts, *x.shape[2:]).swapaxes(1, 2)
    return x.reshape(-1, *x.shape[2:])


def descend(
    state: TrainState,
    optimizers: Mapping[str, optax.GradientTransformation],
    gradients: Mapping[str, PyTree],
    ok: jax.Array | bool,
) -> TrainState:
    """Moves the weights of the networks in `gradients` by their optimisers, if `ok`."""
    params, opt_state = dict(state.params), dict(state.opt_state)
    for network, gradient in gradients.items():
        updates, new_opt_state = optimizers[network].update(
            gradient, opt_state[network], params[network]
        )
        new_params = optax.apply_updates(params[network], updates)
        params[network] = sharded(keep_if(ok, new_params, params[network]))
        opt_state[network] = sharded(keep_if(ok, new_opt_state, opt_state[network]))
    return state.replace(params=params, opt_state=opt_state)


def follow_with_average(state: TrainState, decay: float, ok: jax.Array | bool) -> TrainState:
    """The averages of the weights of E and G follow the weights, if `ok`."""
    params = {network: state.params[network] for network in state.ema}
    average = optax.incremental_update(params, state.ema, step_size=1 - decay)
    return state.replace(ema=sharded(keep_if(ok, average, state.ema)))


def count_step(state: TrainState, ok: jax.Array) -> TrainState:
    """Counts a finished step, and whether it was skipped."""
    return state.replace(
        step=state.step + 1,
        skipped=state.skipped + jnp.where(ok, 0, 1),
        skipped_in_a_row=jnp.where(ok, 0, state.skipped_in_a_row + 1),
    )


def keep_statistics(
    state: TrainState, updated: Mapping[str, Mapping[str, PyTree]], ok: jax.Array | bool
) -> TrainState:
    """Takes over the batch statistics and spectral-norm vectors in `updated`, if `ok`.

    Args:
      state: the state.
      updated: by network, then by collection.
      ok: bool scalar.
    """
    collections = {"batch_stats": dict(state.batch_stats), "spectral": dict(state.spectral)}
    for network, variables in updated.items():
        for name, value in variables.items():
            collections[name][network] = keep_if(ok, value, collections[name][network])
    return state.replace(**collections)
