"""Any data set of TensorFlow Datasets, downloaded and prepared as it defines."""

import contextlib
import io
import logging
import socket
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import tensorflow_datasets as tfds

from bigbigan_jax.data import DataError, open_source
from bigbigan_jax.prepare.census import take_census
from bigbigan_jax.prepare.errors import PrepareError, in_one_line
from bigbigan_jax.prepare.target import (
    in_words,
    local_data_dir,
    locked,
    remove_leftovers,
    size_of,
)
from bigbigan_jax.prepare.with_tensorflow import have_tensorflow, require_tensorflow
from bigbigan_jax.progress import reporting

_IDLE = 600.0  # seconds


def prepare_tfds(name: str, data_dir: str | None = None) -> None:
    """Downloads and prepares a set as ArrayRecord; one that is there is left alone.

    Args:
      name: its name, with configuration and version if wanted ("imagenet_resized/64x64").
      data_dir: where sets lie; None for the default of TensorFlow Datasets.

    Raises:
      PrepareError: if there is no such set, or it cannot be downloaded or prepared; TensorFlow,
        which most sets need for that, may be what is missing.
    """
    root = local_data_dir(data_dir)
    builder = _builder(name, root)
    target = Path(builder.data_dir)
    if target.exists():
        formats = [found.value for found in builder.info.available_file_formats()]
        if "array_record" not in formats:
            raise PrepareError(f"{target} is there already, as {formats}; take another --data_dir")
        print(f"{target} is there already: left alone")
        return
    with locked(target.parent):
        remove_leftovers(target.parent, _IDLE)
        _download_and_prepare(builder, name, root)
    print(take_census(builder).describe())
    print(f"ready: {target}; config.data.name={name}, config.data.data_dir={root}")


def _builder(name: str, root: Path) -> tfds.core.DatasetBuilder:
    if name == "digits":
        raise PrepareError("digits comes with scikit-learn and needs no preparation")
    try:
        return tfds.builder(name, data_dir=str(root), file_format="array_record")
    except ImportError as error:
        raise _explained(name, error) from error
    except Exception as error:
        try:  # which words it well, with names that are close
            open_source(name, "train", str(root))
        except DataError as worded:
            raise PrepareError(str(worded)) from error
        raise PrepareError(f"cannot open {name}: {in_one_line(error)}") from error


def _download_and_prepare(builder: tfds.core.DatasetBuilder, name: str, root: Path) -> None:
    if have_tensorflow():
        require_tensorflow(name)
        _warn_without_network(builder)
        quiet = contextlib.nullcontext()
    else:  # TensorFlow Datasets prints a page about that, of which the error below is enough
        quiet = contextlib.redirect_stdout(io.StringIO())
    tfds.display_progress_bar(sys.stderr.isatty())
    try:
        with quiet, reporting(lambda: f"{name}: {in_words(size_of(root))} in {root}"):
            builder.download_and_prepare()
    except Exception as error:  # a data set is a program, and may raise anything
        raise _explained(name, error) from error


def _warn_without_network(builder: tfds.core.DatasetBuilder) -> None:
    """Says early what TensorFlow Datasets would say after minutes of trying again."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    if urllib.request.getproxies():  # which know the hosts
        return
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos or ()} - {None}
    for host in sorted(hosts):
        try:
            socket.getaddrinfo(host, 443)
        except OSError:
            print(
                f"{host} cannot be reached: unless its files were downloaded before, this will "
                "fail after a few minutes of trying",
                file=sys.stderr,
                flush=True,
            )


def _explained(name: str, error: Exception) -> PrepareError:
    chain: list[BaseException] = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    if not have_tensorflow() and any(isinstance(link, ImportError) for link in chain):
        try:
            require_tensorflow(name)
        except PrepareError as missing:
            return missing
    if any(type(link).__module__.startswith(("requests", "urllib3")) for link in chain):
        return PrepareError(f"cannot download {name}: {in_one_line(error)}")
    return PrepareError(f"cannot prepare {name}: {in_one_line(error)}")
