"""Data sets prepared by TensorFlow Datasets as ArrayRecord files, read without TensorFlow."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from bigbigan_jax.data.errors import DataError
from bigbigan_jax.data.fingerprint import fingerprint


class TfdsSource:
    """One split of a prepared data set, as a `Source`; images stay encoded.

    It pickles in a few kilobytes, the features' description and file names, and opens its
    files again wherever it is unpickled.

    Attributes:
      name: the name it was opened by.
      split: the split it was opened with.
      num_classes: number of classes, None where there are no class labels.
      fingerprint: hash of name, version, split, size and some of the content.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, name: str, split: str) -> None:
        """Opens one split of a prepared builder; `open_tfds` checks the rest.

        Args:
          builder: a builder whose data is prepared as ArrayRecord files.
          name: the name to report.
          split: a split in the language of TensorFlow Datasets.

        Raises:
          DataError: if there is no such split.
        """
        try:
            self._records: Sequence[dict[str, Any]] = builder.as_data_source(
                split, decoders={"image": tfds.decode.SkipDecoding()}
            )
        except (ValueError, KeyError, AssertionError) as error:
            raise DataError(
                f"{name} has no split {split!r}; it has {sorted(builder.info.splits)}, and slices "
                "such as 'train[:90%]'"
            ) from error
        self._features = dict(builder.info.features.items())
        label = self._features.get("label")
        self.name = name
        self.split = split
        self.num_classes = (
            label.num_classes if isinstance(label, tfds.features.ClassLabel) else None
        )
        self._has_keys = "file_name" in self._features
        self.fingerprint = fingerprint(builder.info.full_name, split, self)

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self._records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns {"image": bytes of a file, "label": int, "key": str}, as far as there are."""
        stored = self._records[index]
        record = {"image": stored["image"]}
        if self.num_classes is not None:
            record["label"] = int(stored["label"])
        if self._has_keys:
            record["key"] = stored["file_name"].decode()
        return record

    def presence(self) -> tuple[np.ndarray, list[str]]:
        """Which classes each image shows, where one may show several, as in PASCAL VOC's sets.

        All records are read for it.

        Returns:
          int8 [N, classes], 1 where the class is shown, 0 where it is not, -1 where all that is
          shown of it is marked as difficult, which counts neither way; and the classes' names.

        Raises:
          DataError: the set does not say that of its images.
        """
        if missing := {"labels", "labels_no_difficult"} - self._features.keys():
            raise DataError(
                f"{self.name} does not list the classes that each image shows: it has no field "
                f"{min(missing)!r}, as voc/2007 has; its fields are {sorted(self._features)}"
            )
        names = self._features["labels"].feature.names
        found = np.zeros((len(self), len(names)), np.int8)
        for row, stored in zip(found, self._records, strict=True):
            row[np.asarray(stored["labels"], int)] = -1
            row[np.asarray(stored["labels_no_difficult"], int)] = 1
        return found, names


def open_tfds(name: str, split: str, data_dir: str | None = None) -> TfdsSource:
    """Opens a data set that TensorFlow Datasets has prepared.

    Args:
      name: its name, with configuration and version if wanted ("cifar10:3.0.2").
      split: a split in the language of TensorFlow Datasets ("train[:90%]").
      data_dir: where the prepared data lies; None for the default of TensorFlow Datasets.

    Returns:
      The source.

    Raises:
      DataError: if the name or split is unknown, the data is missing or not ArrayRecord, or
        its records hold no image.
    """
    builder = _builder(name, data_dir)
    where = data_dir or epath.Path(builder.data_dir).parents[builder.info.full_name.count("/")]
    what = "imagenet --tars=DIR" if builder.name == "imagenet2012" else name
    call = f"python -m bigbigan_jax.prepare {what} --data_dir={where}"
    if not builder.info.splits:
        raise DataError(
            f"{name} is not prepared in {builder.data_dir}{_other_versions(builder)}; give "
            f"another data_dir or prepare it with {call}"
        )
    formats = {found.value for found in builder.info.available_file_formats()}
    if "array_record" not in formats:
        raise DataError(
            f"{name} in {builder.data_dir} is prepared as {sorted(formats)}, which cannot be read "
            f"in random order; prepare it as ArrayRecord under another data_dir with {call}"
        )
    fields = dict(builder.info.features.items())
    if not isinstance(fields.get("image"), tfds.features.Image):
        raise DataError(f'{name} has no image field "image"; its fields are {sorted(fields)}')
    return TfdsSource(builder, name, split)


def _builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        # Community sets are left out: listing them needs the network and TensorFlow.
        known = ["digits", *tfds.list_builders(with_community_datasets=False)]
        close = difflib.get_close_matches(name.lower(), known) or "no similar name"
        raise DataError(
            f"no data set is called {name!r} ({close} known), and none is in "
            f"{data_dir or tfds.core.constants.DATA_DIR}"
        ) from error
    except (ValueError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(
            f"cannot open {name!r}: {reason} (a name reads set[/configuration][:version])"
        ) from error


def _other_versions(builder: tfds.core.DatasetBuilder) -> str:
    folder = epath.Path(builder.data_dir).parent
    found = sorted(path.name for path in folder.glob("*.*.*")) if folder.exists() else []
    return f" (other versions are there: {', '.join(found)})" if found else ""
