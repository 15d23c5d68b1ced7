"""What the input pipeline is measured against: bare decoding, tf.data, torch's DataLoader.

Each is an endless iterator over the numbers of images of its batches, to be closed. tf.data and
torch do the whole job of the pipeline: the random box (area 8-100 %, aspect 3/4-4/3), antialiased
bicubic resizing, flip, batches of uint8.
"""

import importlib.util
import io
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from PIL import Image

from bigbigan_jax.data import AUGMENTATIONS, sample_crop, training_batches

RESNET = AUGMENTATIONS["resnet"]


def pipeline(source, size: int, batch_size: int, workers: int, augmentation=RESNET) -> Iterator:
    """`training_batches`, with processes, or threads where `workers` is 0."""
    batches = training_batches(
        source,
        image_size=size,
        channels=3,
        augmentation=augmentation,
        batch_size=batch_size,
        batches_per_step=1,
        seed=0,
        start_step=0,
        workers=workers,
    )
    try:
        for batch in batches:
            yield batch["image"][0].shape[0]
    finally:
        batches.close()


def bare(files: list[bytes], batch_size: int) -> Iterator:
    """Nothing but cv2.imdecode, in a thread for each core."""
    cv2.setNumThreads(0)
    arrays = itertools.cycle([np.frombuffer(file, np.uint8) for file in files])

    def decode(array: np.ndarray) -> None:
        cv2.imdecode(array, cv2.IMREAD_COLOR_RGB)

    with ThreadPoolExecutor(os.cpu_count()) as executor:
        while True:
            list(executor.map(decode, itertools.islice(arrays, batch_size)))
            yield batch_size


def has(package: str) -> bool:
    """Says whether a package is installed."""
    return importlib.util.find_spec(package) is not None


def tf_data(files: list[bytes], size: int, batch_size: int) -> Iterator:
    """tf.data with decode_and_crop_jpeg and an antialiased bicubic resize."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import tensorflow as tf

    def image(data):
        """The random crop of one file, uint8 [size, size, 3]."""
        shape = tf.io.extract_jpeg_shape(data)
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            shape,
            tf.zeros([1, 0, 4]),
            aspect_ratio_range=RESNET.aspect,
            area_range=RESNET.area,
            max_attempts=10,
            use_image_if_no_bounding_boxes=True,
        )
        window = tf.concat([begin[:2], extent[:2]], 0)
        crop = tf.io.decode_and_crop_jpeg(data, window, channels=3)
        resized = tf.image.resize(crop, [size, size], "bicubic", antialias=True)
        resized = tf.image.random_flip_left_right(resized)
        return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)

    data = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files)).repeat()
    data = data.map(image, num_parallel_calls=os.cpu_count()).batch(batch_size).prefetch(2)
    for batch in data.as_numpy_iterator():
        yield len(batch)


class PillowImages:
    """The files as torch's DataLoader takes a data set, decoded and cropped by Pillow."""

    def __init__(self, files: list[bytes], size: int) -> None:
        """Takes the files and the side of the images."""
        self.files, self.size = files, size

    def __len__(self) -> int:
        """Returns more than are ever asked for."""
        return 1_000_000

    def __getitem__(self, index: int) -> np.ndarray:
        """Returns uint8 [size, size, 3]."""
        image = Image.open(io.BytesIO(self.files[index % len(self.files)])).convert("RGB")
        rng = np.random.default_rng(index)
        top, left, height, width = sample_crop(image.height, image.width, RESNET, rng)
        image = image.crop((left, top, left + width, top + height))
        image = image.resize((self.size, self.size), Image.Resampling.BICUBIC)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(image)


def torch_loader(files: list[bytes], size: int, batch_size: int, workers: int) -> Iterator:
    """torch's DataLoader over `PillowImages`, with processes."""
    import torch

    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(
        PillowImages([bytes(file) for file in files], size),
        batch_size,
        num_workers=workers,
        collate_fn=lambda images: torch.from_numpy(np.stack(images)),
        multiprocessing_context="fork" if workers else None,
    )
    for batch in loader:
        yield len(batch)
