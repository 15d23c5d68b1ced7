"""The nearest-neighbour probe: labels by the majority of the nearest training images.

In the paper (arXiv 1907.02544) with distances l1 and l2 between features that were
normalised before. That they are normalised to unit Euclidean length is a decision.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.features import Features, check_same_kind

Metric = Literal["l1", "l2", "cosine"]
METRICS: tuple[Metric, ...] = get_args(Metric)
KS = (1, 5, 25, 50, 100)
_QUERIES, _DATABASE = 1024, 8192  # rows compared at a time


def nearest(
    queries: Features,
    database: Features,
    k: int,
    metric: Metric = "l2",
    normalize: bool = True,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> np.ndarray:
    """The nearest images of a database; the matrix of all distances is never there at once.

    Args:
      queries: whose neighbours to find.
      database: where to look.
      k: how many neighbours.
      metric: "l1", "l2" or "cosine".
      normalize: whether to divide features by their Euclidean length first.
      progress: wraps the numbers of the parts of the queries.

    Returns:
      int32 [queries, k], rows of the database, the nearest first.

    Raises:
      ProbeError: the features do not fit together, or k or the metric is wrong.
    """
    check_same_kind({"the queries": queries, "the database": database})
    if metric not in METRICS:
        raise ProbeError(f"metric {metric!r} is none of {', '.join(METRICS)}")
    if not 1 <= k <= len(database):
        raise ProbeError(f"k is {k}; it must be from 1 to the {len(database)} training images")
    rows = min(_DATABASE, len(database))
    merge = functools.partial(_merge, metric, normalize or metric == "cosine")
    found = []
    for start in progress(range(0, len(queries), _QUERIES)):
        part = queries.rows(slice(start, start + _QUERIES))
        query = np.pad(part, [(0, min(_QUERIES, len(queries)) - len(part)), (0, 0)])
        best = (jnp.full((len(query), k), jnp.inf), jnp.zeros((len(query), k), jnp.int32))
        for first in range(0, len(database), rows):
            block = database.rows(slice(first, first + rows))
            missing = rows - len(block)
            best = merge(best, query, np.pad(block, [(0, missing), (0, 0)]), first, len(block))
        found.append(np.asarray(best[1])[: len(part)])
    return np.concatenate(found)


def knn_accuracy(
    neighbours: np.ndarray, database: Features, queries: Features, ks: Sequence[int]
) -> dict[int, float]:
    """How often the majority of the k nearest is right; of equal votes the lower class wins.

    Args:
      neighbours: of `nearest`, at least as many as the largest k.
      database: whose labels vote.
      queries: whose labels are to be found.
      ks: how many neighbours vote.

    Returns:
      The share of queries that are right (top-1), by k.
    """
    votes = np.asarray(database.labels)[neighbours]
    counts = np.zeros((len(votes), database.num_classes), np.int32)
    rows, accuracy = np.arange(len(votes)), {}
    for rank in range(max(ks)):
        counts[rows, votes[:, rank]] += 1
        if rank + 1 in ks:
            accuracy[rank + 1] = float((counts.argmax(axis=1) == queries.labels).mean())
    return {k: accuracy[k] for k in ks}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _merge(
    metric: Metric,
    normalize: bool,
    best: tuple[jax.Array, jax.Array],
    query: jax.Array,
    block: jax.Array,
    first: int,
    count: int,
) -> tuple[jax.Array, jax.Array]:
    """The nearest so far and those of a block, `count` rows of it from row `first` on."""
    if normalize:
        query, block = _unit(query), _unit(block)
    distances = _l1(query, block) if metric == "l1" else _squared_l2(query, block)
    rows = jnp.arange(len(block))
    distances = jnp.where((rows < count)[None], distances, jnp.inf)
    values = jnp.concatenate([best[0], distances], axis=1)
    places = jnp.broadcast_to((first + rows)[None], distances.shape)
    indices = jnp.concatenate([best[1], places], axis=1)
    negative, order = jax.lax.top_k(-values, best[0].shape[1])
    return -negative, jnp.take_along_axis(indices, order, axis=1)


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _squared_l2(query: jax.Array, block: jax.Array) -> jax.Array:
    """[queries, rows]; between unit vectors, it orders as the cosine does."""
    product = jnp.matmul(query, block.T, precision=jax.lax.Precision.HIGHEST)
    lengths = (query**2).sum(axis=1)[:, None] + (block**2).sum(axis=1)[None]
    return lengths - 2 * product


def _l1(query: jax.Array, block: jax.Array) -> jax.Array:
    return jax.lax.map(lambda row: jnp.abs(block - row[None]).sum(axis=1), query)
