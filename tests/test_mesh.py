"""The mesh and how batches lie on it."""

import jax
import numpy as np

from bigbigan_jax.mesh import data_mesh, replicated, shard_batches, split_axis


def test_one_axis_over_all_devices():
    mesh = data_mesh()
    assert dict(mesh.shape) == {"data": jax.device_count()} and jax.device_count() == 8
    assert list(mesh.devices) == jax.devices()


def test_a_host_has_consecutive_devices_whatever_the_topology(monkeypatch):
    devices = jax.devices()
    monkeypatch.setattr(jax, "devices", lambda: devices[::2] + devices[1::2])
    assert list(data_mesh().devices) == devices


def test_batches_are_split_along_their_second_axis():
    mesh = data_mesh()
    images = np.arange(2 * 16 * 3, dtype=np.uint8).reshape(2, 16, 3)
    batch = shard_batches({"image": images, "label": images[..., 0]}, mesh)
    assert batch["image"].sharding == split_axis(mesh, 1) and batch["image"].dtype == np.uint8
    for name, array in {"image": images, "label": images[..., 0]}.items():
        np.testing.assert_array_equal(batch[name], array)
        for i, shard in enumerate(batch[name].addressable_shards):
            np.testing.assert_array_equal(shard.data, array[:, 2 * i : 2 * i + 2])


def test_replicated_is_whole_everywhere():
    x = jax.device_put(np.arange(8), replicated(data_mesh()))
    assert all(shard.data.shape == (8,) for shard in x.addressable_shards)
