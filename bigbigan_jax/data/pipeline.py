"""Batches as a pure function of the step.

Image number i of the endless global sequence, and what is drawn to crop and flip it, depend
on the seed and on i alone. Hosts and worker processes only share out the numbers, so the
global batches are the same for any number of either, and to resume is to start counting at
another step: no state of an iterator is saved.
"""

import dataclasses
import itertools
import os
from collections.abc import Generator

import grain
import numpy as np
from absl import logging

from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.pools import Processes, Threads, chunks_in_order
from bigbigan_jax.data.sources import Source
from bigbigan_jax.data.stages import CenterCrop, Pixels
from bigbigan_jax.data.training_images import Damage, TrainingImages, shuffled
from bigbigan_jax.data.transforms import Augmentation

# Threads and processes work on chunks of a step's images: whole steps would be too coarse
# (a step of the paper's batch size is hundreds of megabytes), single images too fine.
_CHUNK = 32

Batch = dict[str, np.ndarray]


def training_batches(
    source: Source,
    *,
    image_size: int,
    channels: int,
    augmentation: Augmentation,
    batch_size: int,
    batches_per_step: int,
    seed: int,
    start_step: int,
    host: int = 0,
    hosts: int = 1,
    workers: int = 0,
) -> Generator[Batch, None, None]:
    """Yields one host's share of the batches of step `start_step`, `start_step` + 1, ...

    The global sequence is the whole set, newly shuffled in each epoch, without end; batches
    run across the borders of epochs. Batch j of step t is elements
    (t * batches_per_step + j) * batch_size onwards of that sequence, and host h holds the
    h-th of `hosts` equal parts of each batch: the parts of all hosts, end to end, are the batch.

    Close the iterator when done (`contextlib.closing`): that ends its threads or processes.
    With workers, the calling script needs the `if __name__ == "__main__"` guard of
    multiprocessing.

    An image that cannot be decoded is replaced by the record after it in the source (see
    `TrainingImages`), counted, and logged with the record's number, once.

    Args:
      source: where the images come from.
      image_size: S, side of the images.
      channels: C, 1 for grey or 3 for RGB.
      augmentation: how images are cropped, resized and flipped.
      batch_size: images of a global batch, a multiple of `hosts`.
      batches_per_step: K, batches a step consumes.
      seed: seed of order and augmentation, not negative.
      start_step: number of the first step to yield; the number of finished steps to resume.
      host: number of this host.
      hosts: number of hosts.
      workers: processes that decode; 0 for threads of this process.

    Returns:
      An endless iterator with a `close` method, over {"image": uint8 [K, batch_size / hosts,
      S, S, C], "label": int32 [K, batch_size / hosts], "damaged": int32 [K, batch_size /
      hosts]}; no "label" if the source has none. "damaged" is how many records could not be
      decoded before one could for that element: 0, but for damaged records.

    Raises:
      DataError: here, if arguments do not fit together; from the iterator, if 8 records in a
        row cannot be decoded.
    """
    _check_shape(source, image_size, channels, batch_size, host, hosts)
    for argument, value, least in (
        ("batches_per_step", batches_per_step, 1),
        ("seed", seed, 0),
        ("start_step", start_step, 0),
        ("workers", workers, 0),
    ):
        if value < least:
            raise DataError(f"{argument} must be at least {least}, got {value}")
    order_seed, crop_seed = _seeds(seed)
    images = TrainingImages(source, image_size, channels, augmentation, order_seed, crop_seed)
    per_step = batches_per_step * batch_size // hosts
    chunk = max(size for size in range(1, _CHUNK + 1) if per_step % size == 0)
    job = FillChunk(images, chunk, batch_size, host, hosts)
    shape = (batches_per_step, batch_size // hosts)
    return _steps(job, shape, start_step, workers)


def training_order(source: Source, seed: int, first: int, count: int) -> np.ndarray:
    """The records of the global sequence of `training_batches`.

    Args:
      source: where the images come from.
      seed: as there.
      first: number of the first element.
      count: how many.

    Returns:
      int32 [count], numbers of records.
    """
    order = shuffled(len(source), _seeds(seed)[0])
    return np.fromiter((order[i] for i in range(first, first + count)), np.int32, count)


def _seeds(seed: int) -> tuple[int, int]:
    """Seeds of the order and of the crops."""
    # Grain seeds epoch e of a shuffle with seed + e: seeds 0 and 1 would share their epochs,
    # and shuffle and crops their numbers, if the user's seed were passed on as it is.
    order_seed, crop_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    return order_seed, crop_seed


def evaluation_batches(
    source: Source,
    *,
    image_size: int,
    channels: int,
    batch_size: int,
    host: int = 0,
    hosts: int = 1,
) -> Generator[Batch, None, None]:
    """Yields one host's share of every image once, in order, as centre crops.

    Global batch j is images j * batch_size onwards, the last one smaller; host h holds images
    h, h + hosts, ... of each. All hosts get the same number of batches, so the last may
    hold one image less on some hosts than on others, or none.

    Args:
      source: where the images come from.
      image_size: S, side of the images.
      channels: C, 1 for grey or 3 for RGB.
      batch_size: images of a global batch, a multiple of `hosts`.
      host: number of this host.
      hosts: number of hosts.

    Returns:
      An iterator with a `close` method, over {"image": uint8 [n, S, S, C], "label": int32
      [n]} with n at most batch_size / hosts; no "label" if the source has none.

    Raises:
      DataError: here, if arguments do not fit together; from the iterator, if a record
        cannot be read or decoded.
    """
    _check_shape(source, image_size, channels, batch_size, host, hosts)
    images = grain.MapDataset.source(Pixels(source, channels))[host::hosts].map(
        CenterCrop(image_size)
    )
    counts = [
        len(range(start + host, min(start + batch_size, len(source)), hosts))
        for start in range(0, len(source), batch_size)
    ]
    empty = {"image": np.zeros((0, image_size, image_size, channels), np.uint8)}
    if source.num_classes is not None:
        empty["label"] = np.zeros(0, np.int32)
    return _in_order(images, counts, empty)


@dataclasses.dataclass(frozen=True)
class FillChunk:
    """Fills chunks of one host's part of each batch of the global sequence.

    Attributes:
      images: the global sequence.
      chunk: images of a chunk.
      batch_size: of the global batches, a multiple of `hosts`.
      host: number of this host.
      hosts: number of hosts.
    """

    images: TrainingImages
    chunk: int
    batch_size: int
    host: int
    hosts: int

    def __call__(self, number: int, out: np.ndarray) -> tuple[np.ndarray, list[list[Damage]]]:
        """Writes chunk `number` to `out`, uint8 [chunk, S, S, C]; returns labels and damage."""
        part = self.batch_size // self.hosts
        rows = range(number * self.chunk, (number + 1) * self.chunk)
        numbers = [row // part * self.batch_size + self.host * part + row % part for row in rows]
        labels, damages = zip(*self.images.fill(numbers, out), strict=True)
        return np.asarray(labels, np.int32), list(damages)


def _steps(
    job: FillChunk, shape: tuple[int, int], start_step: int, workers: int
) -> Generator[Batch, None, None]:
    images = job.images
    per_step = shape[0] * shape[1] // job.chunk
    chunk_shape = (job.chunk, images.image_size, images.image_size, images.channels)
    # Enough is read ahead for the next step to be ready when it is asked for, and for no
    # thread or process to be idle meanwhile.
    if workers:
        pool = Processes(job, chunk_shape, per_step + 3 * workers, workers)
    else:
        pool = Threads(job, chunk_shape, per_step + 2 * (os.cpu_count() or 1))
    chunks = chunks_in_order(pool, start_step * per_step)
    logged: set[int] = set()
    try:
        while True:
            pixels = np.empty((per_step, *chunk_shape), np.uint8)
            labels = np.empty((per_step, job.chunk), np.int32)
            damaged = np.zeros((per_step, job.chunk), np.int32)
            # A copy, because the device may still read a batch when its slots are filled anew.
            for place, (filled, (found, damages)) in zip(range(per_step), chunks, strict=False):
                pixels[place], labels[place] = filled, found
                damaged[place] = [len(damage) for damage in damages]
                _log(damages, logged)
            step = {"image": pixels.reshape(*shape, *chunk_shape[1:])}
            if images.source.num_classes is not None:
                step["label"] = labels.reshape(shape)
            yield step | {"damaged": damaged.reshape(shape)}
    finally:
        chunks.close()


def _log(damages: list[list[Damage]], logged: set[int]) -> None:
    for damage in itertools.chain.from_iterable(damages):
        if damage.record not in logged:
            logged.add(damage.record)
            logging.warning("replaced a damaged image: %s", damage.text)


def _in_order(
    images: grain.MapDataset, counts: list[int], empty: Batch
) -> Generator[Batch, None, None]:
    threads = os.cpu_count() or 1
    ahead = max(counts) + threads
    iterator = iter(images.to_iter_dataset(grain.ReadOptions(threads, ahead)))
    try:
        for count in counts:
            records = list(itertools.islice(iterator, count))
            yield {
                field: np.stack([record[field] for record in records]) if records else none
                for field, none in empty.items()
            }
    finally:
        iterator.close()


def _check_shape(
    source: Source, image_size: int, channels: int, batch_size: int, host: int, hosts: int
) -> None:
    if not len(source):
        raise DataError(f"{source.name} split {source.split!r} has no images")
    if image_size < 1:
        raise DataError(f"image_size must be at least 1, got {image_size}")
    if channels not in (1, 3):
        raise DataError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")
    if not 0 <= host < hosts:
        raise DataError(f"host must be in 0..hosts-1, got host {host} of {hosts}")
    if batch_size < 1 or batch_size % hosts:
        raise DataError(
            f"batch_size must be a positive multiple of the {hosts} hosts, got {batch_size}"
        )
