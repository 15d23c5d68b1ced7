"""Sharding: one mesh axis, "data", over all devices of all hosts.

Programs are written for the global batch (`jax.jit` over a mesh), so a BatchNorm mean is a mean
over all devices without a word about it in the networks.
"""

from collections.abc import Mapping

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from bigbigan_jax.models.partitioning import AXIS


def data_mesh() -> Mesh:
    """All devices of all hosts in one axis, host after host.

    `jax.make_mesh` would order them by topology, which on some TPU slices mixes the hosts and with
    them the rows of a batch.
    """
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split_axis(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Axis `axis` split over the devices."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, AXIS))


def shard_batches(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Puts this host's part of [N, B / hosts, …] arrays on its devices.

    Returns:
      Global arrays [N, B, …], split along their second axis.
    """
    sharding = split_axis(mesh, 1)
    return {
        name: jax.make_array_from_process_local_data(sharding, array)
        for name, array in batch.items()
    }
