"""One split of ImageNet 2012, by the builder of TensorFlow Datasets."""

import resource
from pathlib import Path

import tensorflow_datasets as tfds

from bigbigan_jax.prepare.building import build
from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.imagenet_tars import SplitTar, validation_labels
from bigbigan_jax.prepare.target import in_words, size_of
from bigbigan_jax.progress import reporting

NAME = "imagenet2012"
_BUCKETS = 1000  # files that TensorFlow Datasets keeps open to shuffle a split


def build_split(tar: SplitTar, data_dir: Path) -> None:
    """Writes one split, as a data set with this split only, to data_dir/NAME/VERSION.

    That folder appears when all is in it.

    Args:
      tar: where the images come from.
      data_dir: where to write.
    """
    _allow_open_files()
    builder = _builder_class(tar)(data_dir=str(data_dir), file_format="array_record")
    with reporting(lambda: f"{tar.split}: {in_words(size_of(data_dir))} written"):
        build(builder)


def _builder_class(tar: SplitTar) -> type[tfds.core.DatasetBuilder]:
    published = tfds.builder_cls(NAME)

    class OneSplit(published, skip_registration=True):
        """The set as TensorFlow Datasets defines it, reduced to one split."""

        name = NAME
        pkg_dir_path = published.pkg_dir_path
        code_path = None  # where checksums of downloads would be looked for; there are none

        def _split_generators(self, dl_manager):
            # The published one pairs the sorted names in the tar of validation images with a
            # list of 50,000 labels, which is right for the official tar alone. The list is in the
            # order of the numbers in the names, so here labels are looked up by name.
            archive = dl_manager.iter_archive(tar.path)
            labels = validation_labels() if tar.split == "validation" else None
            return {tar.split: self._generate_examples(archive, labels)}

    return OneSplit


def _allow_open_files() -> None:
    needed = _BUCKETS + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise PrepareError(
            f"shuffling needs {needed} open files, and this process may open {hard}: raise "
            "`ulimit -Hn`"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
