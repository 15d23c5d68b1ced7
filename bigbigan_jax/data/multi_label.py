"""Images that show several things, rather than being of one class."""

import dataclasses
from typing import Any

import numpy as np

from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.sources import Source


@dataclasses.dataclass(frozen=True)
class NumberedSource:
    """A `Source` whose records have their number in it as label, to look up what they show.

    Attributes:
      source: of the images.
    """

    source: Source

    @property
    def name(self) -> str:
        """Of the images' source."""
        return self.source.name

    @property
    def split(self) -> str:
        """Of the images' source."""
        return self.source.split

    @property
    def num_classes(self) -> int:
        """How many records there are."""
        return len(self.source)

    @property
    def fingerprint(self) -> str:
        """Of the images' source."""
        return self.source.fingerprint

    def __len__(self) -> int:
        """Returns the number of records."""
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns the record, its "label" replaced by its number."""
        return {**self.source[index], "label": index}


def class_presence(source: Source) -> tuple[np.ndarray, list[str]]:
    """Which classes each image shows, and the classes' names (see `TfdsSource.presence`).

    Raises:
      DataError: the set does not say that of its images.
    """
    if not hasattr(source, "presence"):
        raise DataError(f"{source.name} does not list the classes that each image shows")
    return source.presence()
