"""The endless sequence of training images: element i, from its number alone."""

import dataclasses
import functools
from typing import NamedTuple

import grain
import numpy as np

from bigbigan_jax.data.crops import random_crop
from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.sources import Source
from bigbigan_jax.data.transforms import Augmentation

# Of records that follow each other in the set. A set in which one in a hundred is damaged, at
# random, has that many in a row once in 10^16 images.
_TRIES = 8
_SHOWN = 3


class Damage(NamedTuple):
    """A record whose image cannot be decoded.

    Attributes:
      record: its number in the source.
      text: says which it is, and why.
    """

    record: int
    text: str


@dataclasses.dataclass(frozen=True)
class TrainingImages:
    """The whole set, newly shuffled in each epoch, without end, each image cropped at random.

    Element i depends on the seeds and on i, and on nothing else. An image that cannot be decoded is
    replaced by the record after it in the source, with the label of that one, cropped by the same
    random numbers.

    Attributes:
      source: what to read.
      image_size: side of the images.
      channels: 1 or 3.
      augmentation: how they are cropped, resized and flipped.
      order_seed: of the order of images.
      crop_seed: of the crops.
    """

    source: Source
    image_size: int
    channels: int
    augmentation: Augmentation
    order_seed: int
    crop_seed: int

    @functools.cached_property
    def _order(self) -> grain.MapDataset:
        return grain.MapDataset.range(len(self.source)).shuffle(seed=self.order_seed)

    def fill(self, number: int, out: np.ndarray) -> tuple[int, list[Damage]]:
        """Writes an element.

        Args:
          number: of the element.
          out: uint8 [S, S, C], overwritten.

        Returns:
          Its label, 0 if the source has none, and the damaged records met.

        Raises:
          DataError: if 8 records in a row are damaged.
        """
        damages = []
        first = int(self._order[number])
        for record in range(first, first + _TRIES):
            record %= len(self.source)
            stored = self.source[record]
            # The same numbers for every try.
            rng = np.random.Generator(np.random.Philox(key=[self.crop_seed, number]))
            try:
                image = random_crop(
                    stored["image"], self.image_size, self.channels, self.augmentation, rng
                )
            except DataError as error:
                damages.append(Damage(record, f"{describe(self.source, record, stored)}: {error}"))
                continue
            out[...] = image
            return (stored["label"] if self.source.num_classes is not None else 0), damages
        shown = "; ".join(damage.text for damage in damages[:_SHOWN])
        raise DataError(f"{_TRIES} images in a row cannot be decoded: {shown}; ...")


def describe(source: Source, record: int, stored: dict) -> str:
    """Names a record: source, split, number, and the name of its file where the set keeps it."""
    key = f" ({stored['key']})" if "key" in stored else ""
    return f"{source.name} split {source.split!r} record {record}{key}"
