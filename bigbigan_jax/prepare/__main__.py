"""Prepares data sets for training: python -m bigbigan_jax.prepare --help."""

import argparse
import sys
from collections.abc import Sequence

from bigbigan_jax.arguments import ended
from bigbigan_jax.prepare.command import MNIST, parse


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments), "stopped; what was finished is kept")


def _run(flags: argparse.Namespace) -> None:
    if flags.command != "preview":
        name = _prepare(flags)
        if flags.preview:
            _preview(flags, flags.preview, name)
    else:
        _preview(flags, flags.file, flags.name, flags.split)


def _prepare(flags: argparse.Namespace) -> str:
    """Prepares what is asked for; returns the name of the set."""
    if flags.command == "imagenet":
        from bigbigan_jax.prepare.imagenet import NAME, prepare_imagenet

        prepare_imagenet(flags.tars, flags.data_dir, flags.partial)
        return NAME
    if flags.command == "folder":
        from bigbigan_jax.prepare.folder import prepare_folder

        prepare_folder(flags.images, flags.name, flags.data_dir, flags.layout, flags.max_unreadable)
        return flags.name
    if flags.command in MNIST and flags.idx:
        from bigbigan_jax.prepare.mnist import prepare_mnist

        prepare_mnist(flags.command, flags.idx, flags.data_dir, flags.partial)
        return flags.command
    from bigbigan_jax.prepare.tfds_set import prepare_tfds

    name = flags.name if flags.command == "tfds" else flags.command
    prepare_tfds(name, flags.data_dir)
    return name


def _preview(flags: argparse.Namespace, file: str, name: str, split: str | None = None) -> None:
    from bigbigan_jax.prepare.preview import write_preview

    write_preview(file, name, flags.data_dir, flags.size, split or "train", flags.augmentation)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
