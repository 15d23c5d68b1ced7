"""Batches as a pure function of the step.

Image number i of the endless global sequence, and what is drawn to crop and flip it, depend
on the seed and on i alone. Hosts and worker processes only share out the numbers, so the
global batches are the same for any number of either, and to resume is to start counting at
another step: no state of an iterator is saved.
"""

import itertools
import os
from collections.abc import Generator

import grain
import numpy as np
from absl import flags

from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.sources import Source
from bigbigan_jax.data.stages import Augment, CenterCrop, HostShare, Pixels, start_worker
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
    multiprocessing, and absl's flags are marked as parsed if they are not, as Grain wants.

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
      S, S, C], "label": int32 [K, batch_size / hosts]}; no "label" if the source has none.

    Raises:
      DataError: here, if arguments do not fit together; from the iterator, if a record
        cannot be read or decoded.
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
    # Grain seeds epoch e of a shuffle with seed + e: seeds 0 and 1 would share their epochs,
    # and shuffle and crops their numbers, if the user's seed were passed on as it is.
    order_seed, crop_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    per_step = batches_per_step * batch_size // hosts
    chunk = max(size for size in range(1, _CHUNK + 1) if per_step % size == 0)
    everything = (
        grain.MapDataset.source(Pixels(source, channels))
        .shuffle(seed=order_seed)
        .repeat()
        .random_map(Augment(image_size, augmentation), seed=crop_seed)
    )
    share = HostShare(everything, batch_size, host, hosts)
    chunks = grain.MapDataset.source(share).batch(chunk)[start_step * (per_step // chunk) :]
    return _steps(chunks, per_step // chunk, (batches_per_step, batch_size // hosts), workers)


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


def _steps(
    chunks: grain.MapDataset, per_step: int, shape: tuple[int, int], workers: int
) -> Generator[Batch, None, None]:
    # Enough is read ahead for the next step to be ready when it is asked for.
    if workers:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        # Two threads a process, so that one waits for the disk while the other decodes.
        dataset = chunks.to_iter_dataset(grain.ReadOptions(2, 2)).mp_prefetch(
            grain.MultiprocessingOptions(workers, per_worker_buffer_size=-(-per_step // workers)),
            worker_init_fn=start_worker,
        )
    else:
        threads = os.cpu_count() or 1
        dataset = chunks.to_iter_dataset(grain.ReadOptions(threads, per_step + threads))
    iterator = iter(dataset)
    try:
        while True:
            parts = list(itertools.islice(iterator, per_step))
            # Concatenating copies out of the workers' shared memory, which is then freed.
            yield {
                field: np.concatenate([part[field] for part in parts]).reshape(
                    *shape, *parts[0][field].shape[1:]
                )
                for field in parts[0]
            }
    finally:
        iterator.close()


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
