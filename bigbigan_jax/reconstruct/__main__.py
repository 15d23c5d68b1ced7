"""The command that writes sheets of what a model makes of real images."""

import argparse
import sys
from collections.abc import Sequence

from bigbigan_jax import sheets
from bigbigan_jax.arguments import Parser, add_data, add_model, ended, new_file
from bigbigan_jax.data import open_source
from bigbigan_jax.hub import load
from bigbigan_jax.reconstruct import pictures

PROGRAM = "python -m bigbigan_jax.reconstruct"
KINDS = ("reconstructions", "neighbours")
_DESCRIPTION = """\
Writes a PNG of images of a data set, each row above the row of their reconstructions G(E(x)); or,
with --kind=neighbours, each image before those nearest to it in the space of E's features.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION)
    add = parser.add_argument
    add_model(parser)
    add_data(parser)
    add("--split", required=True, help="whose first images to take, such as validation")
    add("--out", required=True, type=new_file(".png"), help="PNG file to write")
    add("--kind", choices=KINDS, default=KINDS[0])
    add("--count", type=int, default=32, help="of images")
    add("--among", default="train", help="split to look for neighbours in")
    add("--database", type=int, default=10_000, help="images of it to look at")
    flags = parser.parse_args(arguments)
    for name in ("count", "database"):
        if getattr(flags, name) < 1:
            parser.error(f"--{name}={getattr(flags, name)}: it must be at least 1")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments))


def _run(flags: argparse.Namespace) -> None:
    source = open_source(flags.data, flags.split, flags.data_dir)
    model = load(flags.workdir, flags.step)
    images = pictures.first_images(model, source, flags.count)
    if flags.kind == "reconstructions":
        sheet = pictures.reconstructions(model, images)
    else:
        among = open_source(flags.data, flags.among, flags.data_dir)
        database = pictures.first_images(model, among, flags.database)
        sheet = pictures.neighbours(model, images, database)
    sheets.write_png(flags.out, sheet)
    print(flags.out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
