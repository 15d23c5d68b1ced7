"""What a source of images is, and how one is opened by its name."""

from typing import Any, Protocol, runtime_checkable

from bigbigan_jax.data.digits import open_digits
from bigbigan_jax.data.train_val import SPLITS, TrainValSource


@runtime_checkable
class Source(Protocol):
    """Records by number, the same on every host and in every process.

    A source must pickle in few bytes, because it travels to every worker process.

    Attributes:
      name: the name it was opened by.
      split: the split it was opened with.
      num_classes: number of classes; None if and only if its records have no label.
      fingerprint: hash of version, split, size and part of the content. Two runs with the
        same value read the same images.
    """

    name: str
    split: str
    num_classes: int | None
    fingerprint: str

    def __len__(self) -> int:
        """Returns the number of records."""
        ...

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns one record.

        Args:
          index: 0 to len - 1.

        Returns:
          "image", uint8 [H, W, C] or the bytes of an image file; "label", an int, where the
          set has labels; "key", the name of the image's file, where the set keeps it.
        """
        ...


def open_source(name: str, split: str, data_dir: str | None = None) -> Source:
    """Opens a data set.

    Args:
      name: "digits", or any TensorFlow Datasets name, with configuration and version if
        wanted ("cifar10", "imagenet2012:5.1.0", "imagenet_resized/64x64").
      split: a split; for TensorFlow Datasets its whole split language ("train[:90%]"). Every set
        with a split "train" also has "train_val" and "train_without_val" (see
        `bigbigan_jax.data.train_val`).
      data_dir: where TensorFlow Datasets keeps prepared data; None for its default
        ($TFDS_DATA_DIR, else ~/tensorflow_datasets). Ignored by "digits".

    Returns:
      The source. Nothing is downloaded or prepared.

    Raises:
      DataError: if the name or the split is unknown, or the data is not prepared.
    """
    if split in SPLITS:
        return TrainValSource(open_source(name, "train", data_dir), split)
    if name == "digits":
        return open_digits(split)
    # TensorFlow Datasets is slow to import; "digits" must not pay for it.
    from bigbigan_jax.data.tfds_source import open_tfds

    return open_tfds(name, split, data_dir)
