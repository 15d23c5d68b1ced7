"""Random streams: told apart by name and indices, alike on any number of devices."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from bigbigan_jax.mesh import data_mesh, replicated, split_axis
from bigbigan_jax.training.random_streams import stream

KEY = jax.random.key(3)


def bits(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_names_and_indices_tell_streams_apart():
    names = ("z", "epsilon", "D", "EG", "monitor")
    indices = ((), (0,), (1,), (0, 0), (0, 1), (1, 0))
    streams = {bits(stream(KEY, name, *i)) for name, i in itertools.product(names, indices)}
    assert len(streams) == len(names) * len(indices)
    assert bits(stream(jax.random.key(4), "z")) != bits(stream(KEY, "z"))


def test_a_traced_step_is_as_good_as_a_number():
    traced = jax.jit(lambda step: stream(KEY, "D", step, 1))(jnp.int32(7))
    assert bits(traced) == bits(stream(KEY, "D", 7, 1))


def test_streams_stay_what_they_are():
    # A resumed run must find the random numbers of the version that began it.
    assert bits(stream(jax.random.key(0), "z", 5)) == (4267807755, 3822348098)


def test_same_bits_on_one_device_and_on_eight():
    mesh = data_mesh()
    assert mesh.size == 8

    def sample(key):
        return jax.random.normal(stream(key, "z", 2), (16, 5))

    @jax.jit
    def sharded(key):
        return jax.lax.with_sharding_constraint(sample(key), split_axis(mesh))

    z = sharded(jax.device_put(KEY, replicated(mesh)))
    assert len(z.addressable_shards) == 8 and z.addressable_shards[0].data.shape == (2, 5)
    np.testing.assert_array_equal(z, jax.jit(sample)(KEY))
