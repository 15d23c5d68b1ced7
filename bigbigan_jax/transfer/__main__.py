"""The command that trains AlexNet on frozen layers of a trained encoder."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from bigbigan_jax.arguments import Parser, add_data, add_model, ended, new_file
from bigbigan_jax.data import open_source
from bigbigan_jax.hub import load
from bigbigan_jax.models.alexnet import LAYERS
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.report import as_table
from bigbigan_jax.probe.transfer import TransferProtocol, train_transferred
from bigbigan_jax.progress import tracked
from bigbigan_jax.reports import write_json

PROGRAM = "python -m bigbigan_jax.transfer"
_DESCRIPTION = """\
Tells what E of BiGAN on ImageNet has learned, as its paper does: AlexNet keeps E's layers up to
conv1 (conv2, ... conv5), those after them start anew and are trained on labels. Accuracy is that on
--validation at the end of training.
"""
_EPILOG = f"""\
examples:
  {PROGRAM} --workdir=runs/bigan_imagenet --data=imagenet2012
  {PROGRAM} --workdir=runs/bigan --data=imagenette --frozen 5 --steps=2000 --image_size=112
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG)
    add = parser.add_argument
    add_model(parser)
    add_data(parser)
    add("--train", default="train", help="the split to train on; default: %(default)s")
    add("--validation", default="validation", help="the split to report on; default: %(default)s")
    add(
        "--frozen",
        nargs="+",
        type=int,
        choices=range(len(LAYERS) + 1),
        default=list(range(1, len(LAYERS) + 1)),
        help="how many layers are kept, a training for each; 0 for none of E. Default: 1 to 5",
    )
    for field in dataclasses.fields(TransferProtocol):
        if field.name in ("steps", "batch_size", "image_size", "learning_rate", "units", "seed"):
            kind = type(field.default)
            add(f"--{field.name}", type=kind, default=field.default, help="default: %(default)s")
    add("--workers", type=int, default=0, help="processes that decode; default: threads")
    add("--json", type=new_file(".json"), help="file to write the results to")
    flags = parser.parse_args(arguments)
    for name in ("steps", "batch_size", "image_size", "learning_rate", "units"):
        if not getattr(flags, name) > 0:
            parser.error(f"--{name}={getattr(flags, name)}: it must be positive")
    for name in ("seed", "workers"):
        if getattr(flags, name) < 0:
            parser.error(f"--{name}={getattr(flags, name)}: it must not be negative")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments))


def _run(flags: argparse.Namespace) -> None:
    model = load(flags.workdir, flags.step)
    train, validation = (
        open_source(flags.data, split, flags.data_dir) for split in (flags.train, flags.validation)
    )
    if validation.num_classes != train.num_classes:
        raise ProbeError(
            f"split {train.split!r} has {train.num_classes} classes, split {validation.split!r} "
            f"{validation.num_classes}"
        )
    names = {field.name for field in dataclasses.fields(TransferProtocol)} & set(vars(flags))
    protocol = TransferProtocol(**{name: getattr(flags, name) for name in names})
    rows = []
    for frozen in flags.frozen:
        kept = f"conv1-{frozen}" if frozen > 1 else ("none", "conv1")[frozen]
        found = train_transferred(
            model,
            frozen,
            train,
            protocol,
            flags.workers,
            lambda steps, kept=kept: tracked(steps, len(steps), f"E's: {kept}", unit="steps"),
        )
        top1, top5 = found.accuracy(validation)
        rows.append({"E's": kept, "top-1": top1, "top-5": top5})
    print(as_table(rows))
    if flags.json:
        write_json(flags.json, vars(flags), rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
