"""Images for training and evaluation: NumPy in, NumPy out.

A source holds records (an image and, where the set has one, a label); the pipeline turns a
source into uint8 batches that depend on nothing but the seed and the number of the step.
"""

from bigbigan_jax.data.array_source import ArraySource
from bigbigan_jax.data.crops import random_crop
from bigbigan_jax.data.decode import as_pixels, decode
from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.multi_label import NumberedSource, class_presence
from bigbigan_jax.data.pipeline import evaluation_batches, training_batches, training_order
from bigbigan_jax.data.sources import Source, open_source
from bigbigan_jax.data.transforms import (
    AUGMENTATIONS,
    Augmentation,
    center_crop,
    random_crop_resize,
    sample_crop,
)

__all__ = [
    "AUGMENTATIONS",
    "ArraySource",
    "Augmentation",
    "DataError",
    "NumberedSource",
    "Source",
    "as_pixels",
    "center_crop",
    "class_presence",
    "decode",
    "evaluation_batches",
    "open_source",
    "random_crop",
    "random_crop_resize",
    "sample_crop",
    "training_batches",
    "training_order",
]
