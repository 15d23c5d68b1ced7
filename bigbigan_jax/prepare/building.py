"""Lets a builder of TensorFlow Datasets do its work, without what it prints and leaves behind."""

import contextlib
import io
import sys
import tempfile

import tensorflow_datasets as tfds

from bigbigan_jax.prepare.errors import PrepareError, in_one_line


def build(builder: tfds.core.DatasetBuilder) -> None:
    """Prepares the data of a builder that downloads nothing.

    On a terminal its bars are shown; what it prints beside them is not.

    Raises:
      PrepareError: if an image cannot be read or a file cannot be written, as when the disk is
        full. What was written by then is removed.
    """
    tfds.display_progress_bar(sys.stderr.isatty())
    try:
        # It wants a folder for downloads, and would make one in the user's data_dir.
        with tempfile.TemporaryDirectory() as downloads, contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_dir=downloads)
    except Exception as error:  # ArrayRecord, TensorFlow and Python each have errors of their own
        raise PrepareError(f"cannot make {builder.data_dir}: {in_one_line(error)}") from error
