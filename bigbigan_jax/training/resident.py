"""Training on images that stay on the devices, many steps in one program.

For sets as small as MNIST: the host sends the numbers of the images of the next steps, in the same
order in which it would send the images themselves, and hears back once for all of those steps.
"""

import contextlib
from collections.abc import Callable, Generator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from bigbigan_jax.data import Source, evaluation_batches, training_order
from bigbigan_jax.mesh import replicated, split_axis
from bigbigan_jax.models.partitioning import split_batch
from bigbigan_jax.training.family import Family
from bigbigan_jax.training.step_metrics import Metrics

_READ_AT_ONCE = 1024
_COUNTS = ("skipped", "skipped_in_a_row")  # metrics of which the last value says all

PyTree = Any
Batch = dict[str, jax.Array]


def put_on_devices(source: Source, family: Family, mesh: Mesh) -> jax.Array:
    """All images of a source, as centre crops: uint8 [N, H, W, C], whole on every device.

    Raises:
      bigbigan_jax.data.DataError: an image cannot be read.
    """
    batches = evaluation_batches(
        source,
        image_size=family.image_size,
        channels=family.image_channels,
        batch_size=_READ_AT_ONCE,
    )
    with contextlib.closing(batches):
        images = np.concatenate([batch["image"] for batch in batches])
    return jax.make_array_from_callback(images.shape, replicated(mesh), lambda index: images[index])


def resident_batches(
    images: jax.Array,
    source: Source,
    *,
    batch_size: int,
    batches_per_step: int,
    steps_at_once: int,
    seed: int,
    start_step: int,
    mesh: Mesh,
) -> Generator[Batch, None, None]:
    """Yields what `update_resident` takes, for steps from `start_step` on, without end."""
    sharding = split_axis(mesh, 2)
    shape = (steps_at_once, batches_per_step, batch_size)
    while True:
        first = start_step * batches_per_step * batch_size
        index = training_order(source, seed, first, int(np.prod(shape))).reshape(shape)
        rows = jax.make_array_from_callback(shape, sharding, lambda part, of=index: of[part])
        yield {"images": images, "index": rows}
        start_step += steps_at_once


def abstract_resident_batch(
    source: Source, family: Family, batch_size: int, steps_at_once: int, mesh: Mesh
) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes, dtypes and shardings of what `resident_batches` yields."""
    side, channels = family.image_size, family.image_channels
    index = (steps_at_once, family.batches_per_step, batch_size)
    return {
        "images": jax.ShapeDtypeStruct(
            (len(source), side, side, channels), jnp.uint8, sharding=replicated(mesh)
        ),
        "index": jax.ShapeDtypeStruct(index, jnp.int32, sharding=split_axis(mesh, 2)),
    }


def update_resident(
    update: Callable[[PyTree, Batch, jax.Array], tuple[PyTree, Metrics]],
    state: PyTree,
    batch: Batch,
    key: jax.Array,
) -> tuple[PyTree, Metrics]:
    """Several steps of a family's update.

    Args:
      update: of (state, {"image": [K, B, H, W, C]}, key).
      state: before.
      batch: "images" [N, H, W, C], and "index" [S, K, B], rows of them for each of S steps.
      key: of the run.

    Returns:
      The state after S steps, and the metrics: means over them, but for counts.
    """

    def one_step(state: PyTree, index: jax.Array) -> tuple[PyTree, Metrics]:
        image = split_batch(batch["images"][index], axis=1)
        return update(state, {"image": image}, key)

    state, metrics = jax.lax.scan(one_step, state, batch["index"])
    return state, {
        name: values[-1] if name in _COUNTS else values.mean() for name, values in metrics.items()
    }


@jax.jit
def _gather(images: jax.Array, index: jax.Array) -> jax.Array:
    return images[index.reshape(-1, index.shape[-1])]


def images_of(batch: Mapping[str, jax.Array]) -> jax.Array:
    """The images that a step has been taken on, or several have: uint8 [N, B, H, W, C]."""
    if "image" in batch:
        return batch["image"]
    return _gather(batch["images"], batch["index"])
