"""Random keys by name and step, so that no key is carried and resuming needs none."""

import zlib

import jax


def stream(key: jax.Array, name: str, *indices: int | jax.Array) -> jax.Array:
    """The key of a named stream at some step.

    Args:
      key: the key of the run.
      name: of the stream, such as "z".
      indices: the step, and whatever else tells apart two uses within it.
    """
    key = jax.random.fold_in(key, zlib.crc32(name.encode()))
    for index in indices:
        key = jax.random.fold_in(key, index)
    return key
