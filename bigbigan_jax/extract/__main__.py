"""The command that writes features to disk."""

import argparse
import functools
import sys
from collections.abc import Sequence

from bigbigan_jax.arguments import Parser, add_data, add_model, ended, local_path
from bigbigan_jax.data import open_source
from bigbigan_jax.extract.extraction import NAMES, extract
from bigbigan_jax.hub import load
from bigbigan_jax.progress import tracked

PROGRAM = "python -m bigbigan_jax.extract"
_DESCRIPTION = """\
Writes what a trained encoder says of each image of a data set (centre crops) into memory-mapped
.npy files. The same line goes on after an interruption. For probes, extract the splits they need:
train_without_val, train_val and the test set.
"""
_EPILOG = f"""\
example:
  {PROGRAM} --workdir=gs://BUCKET/revnet50x4 --data=imagenet2012 --split=train_val \\
    --out=features/train_val
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG)
    add = parser.add_argument
    add_model(parser)
    add_data(parser)
    add("--split", required=True, help="such as train_without_val")
    add("--out", required=True, type=local_path, help="folder to write")
    add("--names", nargs="+", choices=NAMES, default=NAMES[:1], help="what to write")
    add("--dtype", choices=("float32", "float16"), default="float32")
    add("--batch_size", type=int, default=256)
    add("--part", type=_part, default=(0, 1), help="I/N: only the I-th of N parts, from 0")
    flags = parser.parse_args(arguments)
    if flags.batch_size < 1:
        parser.error(f"--batch_size={flags.batch_size}: it must be at least 1")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments), "stopped; the same line goes on")


def _run(flags: argparse.Namespace) -> None:
    source = open_source(flags.data, flags.split, flags.data_dir)
    extract(
        load(flags.workdir, flags.step),
        source,
        flags.out,
        names=flags.names,
        dtype=flags.dtype,
        part=flags.part,
        batch_size=flags.batch_size,
        progress=functools.partial(tracked, text="encoding"),
    )
    print(flags.out)


def _part(text: str) -> tuple[int, int]:
    index, _, parts = text.partition("/")
    if not (index.isdigit() and parts.isdigit() and int(index) < int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with 0 <= I < N, such as 0/4")
    return int(index), int(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
