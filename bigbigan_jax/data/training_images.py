"""The endless sequence of training images: element i, from its number alone."""

import dataclasses
import functools
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import grain
import numpy as np

from bigbigan_jax.data.crops import Crop, decode_crop, draw_crop, random_crop
from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.sources import Source
from bigbigan_jax.data.transforms import Augmentation

# Of records that follow each other in the set. A set in which one in a hundred is damaged, at
# random, has that many in a row once in 10^16 images.
_TRIES = 8
_SHOWN = 3
_local = threading.local()


def shuffled(count: int, seed: int) -> grain.MapDataset:
    """The numbers below `count`, newly shuffled in each epoch, without end."""
    return grain.MapDataset.range(count).shuffle(seed=seed)


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
        return shuffled(len(self.source), self.order_seed)

    def fill(self, numbers: Sequence[int], out: np.ndarray) -> list[tuple[int, list[Damage]]]:
        """Writes elements.

        Args:
          numbers: of the elements, N.
          out: uint8 [N, S, S, C], overwritten.

        Returns:
          Of each, its label, 0 if the source has none, and the damaged records met.

        Raises:
          DataError: if 8 records in a row are damaged.
        """
        # What the interpreter does comes first, for all: between two images it takes longer,
        # because decoding one pushes everything else out of the processor's cache.
        drawn = [self._draw(number, int(self._order[number])) for number in numbers]
        return [self._decode(element, image) for element, image in zip(drawn, out, strict=True)]

    def _draw(self, number: int, record: int) -> "_Drawn":
        stored = self.source[record]
        try:
            rng = _random(self.crop_seed, number)
            crop = draw_crop(stored["image"], self.augmentation, rng)
        except DataError:
            crop = None  # decoding finds the same, and handles it
        return _Drawn(number, record, stored, crop)

    def _decode(self, drawn: "_Drawn", out: np.ndarray) -> tuple[int, list[Damage]]:
        damages = []
        while True:
            stored = drawn.stored
            try:
                out[...] = self._image(drawn)
            except DataError as error:
                text = f"{describe(self.source, drawn.record, stored)}: {error}"
                damages.append(Damage(drawn.record, text))
            else:
                return (stored["label"] if self.source.num_classes is not None else 0), damages
            if len(damages) == _TRIES:
                shown = "; ".join(damage.text for damage in damages[:_SHOWN])
                raise DataError(f"{_TRIES} images in a row cannot be decoded: {shown}; ...")
            drawn = self._draw(drawn.number, (drawn.record + 1) % len(self.source))

    def _image(self, drawn: "_Drawn") -> np.ndarray:
        data, how = drawn.stored["image"], (self.image_size, self.channels, self.augmentation)
        if drawn.crop is not None:
            return decode_crop(data, drawn.crop, *how)
        return random_crop(data, *how, _random(self.crop_seed, drawn.number))


class _Drawn(NamedTuple):
    """An element before decoding; no crop where that takes decoding."""

    number: int
    record: int
    stored: dict[str, Any]
    crop: Crop | None


def _random(seed: int, number: int) -> np.random.Generator:
    """The numbers of Philox(key=[seed, number]), until this thread calls it again.

    A new generator would take ten times as long, to be seeded from the system first.
    """
    if not hasattr(_local, "rng"):
        _local.rng = np.random.Generator(np.random.Philox(key=[0, 0]))
        _local.start = _local.rng.bit_generator.state
    _local.start["state"]["key"][:] = seed, number
    _local.rng.bit_generator.state = _local.start
    return _local.rng


def describe(source: Source, record: int, stored: dict) -> str:
    """Names a record: source, split, number, and the name of its file where the set keeps it."""
    key = f" ({stored['key']})" if "key" in stored else ""
    return f"{source.name} split {source.split!r} record {record}{key}"
