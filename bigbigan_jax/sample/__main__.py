"""The command that writes sheets of what a model generates."""

import argparse
import sys
from collections.abc import Sequence

from bigbigan_jax import sheets
from bigbigan_jax.arguments import Parser, add_model, ended, new_file
from bigbigan_jax.hub import load
from bigbigan_jax.sample import pictures

PROGRAM = "python -m bigbigan_jax.sample"
KINDS = ("samples", "interpolations", "filters")
_DESCRIPTION = """\
Writes a PNG of what a trained model generates: samples; interpolations, each row a way from one z
to another; or the filters of the encoder's first convolution.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION)
    add = parser.add_argument
    add_model(parser)
    add("--out", required=True, type=new_file(".png"), help="PNG file to write")
    add("--kind", choices=KINDS, default=KINDS[0])
    add("--count", type=int, default=64, help="of samples, or of rows of interpolations")
    add("--seed", type=int, default=0)
    add("--truncation", type=float, help="of z in samples; default: none, as in the paper")
    flags = parser.parse_args(arguments)
    if flags.count < 1:
        parser.error(f"--count={flags.count}: it must be at least 1")
    if not 0 <= flags.seed < 2**32:
        parser.error(f"--seed={flags.seed}: it must be from 0 to {2**32 - 1}")
    if flags.truncation is not None and flags.kind != "samples":
        parser.error(f"--truncation is for samples, not for {flags.kind}")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments))


def _run(flags: argparse.Namespace) -> None:
    model = load(flags.workdir, flags.step)
    if flags.kind == "samples":
        sheet = pictures.samples(model, flags.count, flags.seed, flags.truncation)
    elif flags.kind == "interpolations":
        sheet = pictures.interpolations(model, flags.count, flags.seed)
    else:
        sheet = pictures.filters(model)
    sheets.write_png(flags.out, sheet)
    print(flags.out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
