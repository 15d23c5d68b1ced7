"""The batches of a run, on the devices ahead of their use."""

import contextlib
from collections import deque
from collections.abc import Generator

import jax
import numpy as np

from bigbigan_jax.data import AUGMENTATIONS, training_batches
from bigbigan_jax.mesh import shard_batches
from bigbigan_jax.training.programs import abstract_batch
from bigbigan_jax.training.resident import (
    abstract_resident_batch,
    put_on_devices,
    resident_batches,
)
from bigbigan_jax.training.run import Run

BATCHES_AHEAD = 2  # programs' worth of images on their way to the device

Inputs = Generator[tuple[dict[str, jax.Array], int], None, None]


def batches_of(run: Run, start: int) -> Inputs:
    """Batches from step `start` on, without end.

    With each comes how many images of this host's part are stand-ins for damaged ones.
    """
    return _ahead(_resident(run, start) if run.config.data.on_device else _streamed(run, start))


def abstract_batch_of(run: Run) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes, dtypes and shardings of what one call of the update reads."""
    config, family, mesh = run.config, run.family, run.mesh
    if config.data.on_device:
        at_once = config.training.steps_at_once
        return abstract_resident_batch(run.source, family, config.batch_size, at_once, mesh)
    return abstract_batch(family, config.batch_size, mesh)


def _streamed(run: Run, start: int) -> Inputs:
    config, family = run.config, run.family
    on_host = training_batches(
        run.source,
        image_size=family.image_size,
        channels=family.image_channels,
        augmentation=AUGMENTATIONS[config.data.augmentation],
        batch_size=config.batch_size,
        batches_per_step=family.batches_per_step,
        seed=config.seed,
        start_step=start,
        host=jax.process_index(),
        hosts=jax.process_count(),
        workers=config.data.workers,
    )
    with contextlib.closing(on_host):
        for batch in on_host:
            damaged = int(np.count_nonzero(batch["damaged"]))
            yield shard_batches({"image": batch["image"]}, run.mesh), damaged


def _resident(run: Run, start: int) -> Inputs:
    for batch in resident_batches(
        put_on_devices(run.source, run.family, run.mesh),
        run.source,
        batch_size=run.config.batch_size,
        batches_per_step=run.family.batches_per_step,
        steps_at_once=run.config.training.steps_at_once,
        seed=run.config.seed,
        start_step=start,
        mesh=run.mesh,
    ):
        yield batch, 0


def _ahead(batches: Inputs) -> Inputs:
    ahead = deque()
    with contextlib.closing(batches):
        for batch in batches:
            ahead.append(batch)
            if len(ahead) == BATCHES_AHEAD:
                yield ahead.popleft()
