"""The flags of the command that scores generated images."""

import argparse
import math
from collections.abc import Sequence

from bigbigan_jax.arguments import Parser, add_data, add_model, local_path, new_file
from bigbigan_jax.evaluate.references import CACHE
from bigbigan_jax.hub.exported import SUFFIX
from bigbigan_jax.inception import DEFAULT

PROGRAM = "python -m bigbigan_jax.evaluate"
IMAGES = "images"
_DESCRIPTION = f"""\
Scores a trained model's samples: FID, Inception Score, KID, precision, recall, density and
coverage. With every number stands what it depends on.

"{PROGRAM} {IMAGES} --help" tells how to score folders of images.
"""
_EPILOG = f"""\
examples:
  {PROGRAM} --workdir=gs://BUCKET/revnet50x4 --data=imagenet2012
  {PROGRAM} --workdir=runs/imagenette --data=imagenette --samples=5000 --watch
  {PROGRAM} --workdir=runs/imagenette --data=imagenette --truncation 0.5 1 1.5 --plot=curve.png

The network of the scores is fetched by `python -m bigbigan_jax.inception`.
"""
_IMAGES_DESCRIPTION = """\
Scores the images of one folder against those of another, by the same code as models are scored:
so that other models can be compared. Each image is taken whole and resized to 299 px, unless --size
says to crop it first.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    if arguments[:1] == [IMAGES]:
        return _parse_images(arguments[1:])
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG)
    add = parser.add_argument
    add_model(parser)
    add_data(parser)
    add(
        "--watch",
        action="store_true",
        help="score every checkpoint, and each new one until the training has ended",
    )
    add(
        "--references",
        nargs="+",
        default=["train", "validation"],
        metavar="SPLIT",
        help="splits of the data to compare with; default: train validation",
    )
    add("--samples", type=int, default=50_000, help="default: 50000, as in the papers")
    add("--seed", type=int, default=0, help="of z")
    add(
        "--truncation",
        nargs="+",
        type=float,
        default=[],
        help="also score samples of z truncated at each of these",
    )
    add("--cache", type=local_path, default=CACHE, help=f"of references; default: {CACHE}")
    add("--plot", type=new_file(".png"), help="draw what is known of the workdir's checkpoints")
    _add_common(parser)
    flags = parser.parse_args(arguments)
    flags.command = None
    exported = flags.workdir.endswith(SUFFIX)
    if flags.watch and (exported or flags.step is not None):
        parser.error("--watch takes all checkpoints of a workdir: give a folder, and no --step")
    if flags.watch and flags.json:
        parser.error("--json is for one model; --watch writes to WORKDIR/evaluations")
    if flags.plot and exported:
        parser.error(f"--plot takes the checkpoints of a workdir; {flags.workdir} is one model")
    if not 0 <= flags.seed < 2**32:
        parser.error(f"--seed={flags.seed}: it must be from 0 to {2**32 - 1}")
    for truncation in flags.truncation:
        if not 0 < truncation < math.inf:
            parser.error(f"--truncation {truncation:g}: it must be positive")
    if flags.samples < 2 * flags.parts:
        parser.error(f"--samples={flags.samples}: it must be at least twice --parts={flags.parts}")
    _check_common(parser, flags)
    return flags


def _parse_images(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog=f"{PROGRAM} {IMAGES}", description=_IMAGES_DESCRIPTION)
    add = parser.add_argument
    add("--dir", required=True, help="folder or tar of the images to score")
    add("--against", required=True, help="folder or tar of real images")
    add("--size", type=int, help="resize the short side to so many pixels and cut out the centre")
    _add_common(parser)
    flags = parser.parse_args(arguments)
    flags.command = IMAGES
    if flags.size is not None and flags.size < 1:
        parser.error(f"--size={flags.size}: it must be at least 1")
    _check_common(parser, flags)
    return flags


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--inception", default=DEFAULT, help=f"its weights; default: {DEFAULT}")
    add("--parts", type=int, default=10, help="of the images, for spreads; default: 10")
    add(
        "--keep",
        type=int,
        default=10_000,
        help="images a set for KID, precision, recall, density and coverage; default: 10000",
    )
    add("--json", type=new_file(".json"), help="file to write the results to")


def _check_common(parser: argparse.ArgumentParser, flags: argparse.Namespace) -> None:
    for name in ("parts", "keep"):
        if getattr(flags, name) < 2:
            parser.error(f"--{name}={getattr(flags, name)}: it must be at least 2")
