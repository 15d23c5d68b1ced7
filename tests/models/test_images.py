"""Bytes to floats and back."""

import jax.numpy as jnp
import numpy as np

from bigbigan_jax.models.images import scale_images, to_bytes


def test_bytes_span_minus_one_to_one():
    scaled = scale_images(jnp.asarray([0, 51, 255], jnp.uint8))
    assert scaled.dtype == jnp.float32
    np.testing.assert_allclose(scaled, [-1, -0.6, 1], rtol=1e-6)


def test_floats_pass():
    x = jnp.asarray([-0.3, 0.2])
    np.testing.assert_array_equal(scale_images(x), x)


def test_every_byte_comes_back():
    every = jnp.arange(256, dtype=jnp.uint8)
    np.testing.assert_array_equal(to_bytes(scale_images(every)), every)


def test_what_is_out_of_range_is_clipped():
    np.testing.assert_array_equal(to_bytes(jnp.asarray([-1.5, 1.5])), np.array([0, 255], np.uint8))
