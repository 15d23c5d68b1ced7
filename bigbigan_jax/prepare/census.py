"""Counts what a prepared set holds, from its files."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping

import tensorflow_datasets as tfds

from bigbigan_jax.progress import tracked

_AT_ONCE = 256  # records read together


@dataclasses.dataclass(frozen=True)
class Census:
    """The numbers of images by split and class.

    Attributes:
      counts: by split, by the name of the class; the name is None in a set without classes.
    """

    counts: Mapping[str, Mapping[str | None, int]]

    def digest(self) -> str:
        """Returns 16 hexadecimal digits that depend on splits, classes and counts alone."""
        lines = sorted(
            f"{split}\t{'' if label is None else label}\t{count}\n"
            for split, labels in self.counts.items()
            for label, count in labels.items()
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def total(self, split: str) -> int:
        """Returns the number of images in a split; 0 if there is no such split."""
        return sum(self.counts.get(split, {}).values())

    def classes(self) -> int:
        """Returns how many classes have an image."""
        return len({label for labels in self.counts.values() for label in labels} - {None})

    def describe(self) -> str:
        """Returns a few lines for people: images by split, classes, digest."""
        lines = [f"{split}: {self.total(split):,} images" for split in self.counts]
        classes = self.classes()
        lines.append(f"classes: {classes:,}" if classes else "no classes")
        lines.append(f"digest of the counts by split and class: {self.digest()}")
        return "\n".join(lines)


def take_census(builder: tfds.core.DatasetBuilder) -> Census:
    """Reads every record of a prepared set and counts labels.

    Args:
      builder: its data is prepared as ArrayRecord.
    """
    label = dict(builder.info.features.items()).get("label")
    if not isinstance(label, tfds.features.ClassLabel):
        label = None
    return Census({split: _count(builder, split, label) for split in builder.info.splits})


def _count(
    builder: tfds.core.DatasetBuilder, split: str, label: tfds.features.ClassLabel | None
) -> dict[str | None, int]:
    records = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
    counts: Counter[str | None] = Counter()
    starts = range(0, len(records), _AT_ONCE)
    chunks = (
        records.__getitems__(range(start, min(start + _AT_ONCE, len(records)))) for start in starts
    )
    everything = (record for chunk in chunks for record in chunk)
    for record in tracked(everything, len(records), f"counting {split}"):
        counts[label.int2str(int(record["label"])) if label else None] += 1
    return dict(sorted(counts.items(), key=lambda item: item[0] or ""))
