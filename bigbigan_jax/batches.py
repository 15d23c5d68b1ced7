"""Runs programs on any number of rows, in batches of few sizes, over the devices of this host."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from bigbigan_jax.models.partitioning import AXIS

# A program is compiled for each size: a power of two a device, up to this.
LARGEST = 64

Rows = dict[str, np.ndarray]
Name = TypeVar("Name")


def local_mesh() -> Mesh:
    """The devices of this host."""
    return Mesh(np.array(jax.local_devices()), (AXIS,), axis_types=(AxisType.Auto,))


def in_batches(
    program: Callable[..., dict[Name, jax.Array]],
    variables: Any,
    *arrays: np.ndarray,
    largest: int = LARGEST,
) -> dict[Name, np.ndarray]:
    """Applies a program to arrays, a batch at a time.

    Args:
      program: jitted, of (variables, *arrays), row by row: what it says of a row depends on no
        other row.
      variables: on the devices.
      arrays: [N, …] each.
      largest: rows a device at most, a power of two.

    Returns:
      The program's results for all rows, [N, …] each.
    """
    mesh = local_mesh()
    split = NamedSharding(mesh, PartitionSpec(AXIS))
    results: list[dict[Name, np.ndarray]] = []
    count = len(arrays[0])
    for start, rows, size in _batches(count, mesh.size, largest):
        padded = [_padded(array[start : start + rows], size) for array in arrays]
        out = program(variables, *(jax.device_put(array, split) for array in padded))
        results.append({name: np.asarray(value)[:rows] for name, value in out.items()})
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def _batches(count: int, devices: int, largest: int) -> list[tuple[int, int, int]]:
    """(start, rows, size of the batch they are padded to) for `count` rows; one batch if none."""
    largest *= devices
    batches = [(start, largest, largest) for start in range(0, count - largest + 1, largest)]
    start = len(batches) * largest
    if start < count or not count:
        size = devices
        while size < count - start:
            size *= 2
        batches.append((start, count - start, size))
    return batches


def _padded(array: np.ndarray, size: int) -> np.ndarray:
    return np.pad(array, [(0, size - len(array))] + [(0, 0)] * (array.ndim - 1))
