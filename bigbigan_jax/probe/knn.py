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
_RESIDENT_BYTES = 2**31  # of the queries that stay on the device


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
      progress: wraps the numbers of the parts in which the database is gone through.

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
    normalize = normalize or metric == "cosine"
    chunk, rows = min(_QUERIES, len(queries)), min(_DATABASE, len(database))
    # So many queries at once that the database is read but a few times.
    at_once = max(1, _RESIDENT_BYTES // (4 * queries.width * chunk)) * chunk
    passes = range(0, len(queries), at_once)
    blocks = range(0, len(database), rows)
    found = []
    for number in progress(range(len(passes) * len(blocks))):
        if number % len(blocks) == 0:
            start = passes[number // len(blocks)]
            part = queries.rows(slice(start, start + at_once))
            query = jnp.asarray(_padded(part, -(-len(part) // chunk) * chunk))
            query = (_unit(query) if normalize else query).reshape(-1, chunk, queries.width)
            distances = jnp.full((*query.shape[:2], k), jnp.inf)
            best = (distances, jnp.zeros(distances.shape, jnp.int32))
        first = blocks[number % len(blocks)]
        block = database.rows(slice(first, first + rows))
        before = best[1]
        best = _merge(metric, normalize, best, query, _padded(block, rows), first, len(block))
        before.block_until_ready()  # or blocks would pile up on a device slower than the host
        if first == blocks[-1]:
            found.append(np.asarray(best[1]).reshape(-1, k)[: len(part)])
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
    queries: jax.Array,
    block: jax.Array,
    first: int,
    count: int,
) -> tuple[jax.Array, jax.Array]:
    """The nearest so far and those of a block, `count` rows of it from row `first` on."""
    if normalize:
        block = _unit(block)
    rows = jnp.arange(len(block))

    def merged(part: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        query, best_distances, best_rows = part
        distances = _l1(query, block) if metric == "l1" else _squared_l2(query, block)
        distances = jnp.where((rows < count)[None], distances, jnp.inf)
        negative, order = jax.lax.top_k(
            -jnp.concatenate([best_distances, distances], axis=1), best_rows.shape[1]
        )
        places = jnp.broadcast_to((first + rows)[None], distances.shape)
        places = jnp.concatenate([best_rows, places], axis=1)
        return -negative, jnp.take_along_axis(places, order, axis=1)

    return jax.lax.map(merged, (queries, *best))


def _padded(rows: np.ndarray, count: int) -> np.ndarray:
    return np.pad(rows, [(0, count - len(rows)), (0, 0)])


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _squared_l2(query: jax.Array, block: jax.Array) -> jax.Array:
    """[queries, rows]; between unit vectors, it orders as the cosine does."""
    product = jnp.matmul(query, block.T, precision=jax.lax.Precision.HIGHEST)
    lengths = (query**2).sum(axis=1)[:, None] + (block**2).sum(axis=1)[None]
    return lengths - 2 * product


def _l1(query: jax.Array, block: jax.Array) -> jax.Array:
    return jax.lax.map(lambda row: jnp.abs(block - row[None]).sum(axis=1), query)
