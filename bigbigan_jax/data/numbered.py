"""Images whose label is their number: for what is known of them besides one class."""

import dataclasses
from typing import Any

from bigbigan_jax.data.sources import Source


@dataclasses.dataclass(frozen=True)
class NumberedSource:
    """A `Source` whose records have their number in it as label.

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
