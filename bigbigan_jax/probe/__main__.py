"""The command that probes features."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bigbigan_jax.arguments import Parser, add_data, add_model, ended, local_path, new_file
from bigbigan_jax.hub import load
from bigbigan_jax.probe.protocols import PROTOCOLS
from bigbigan_jax.probe.report import as_table, write_json
from bigbigan_jax.probe.sets import FEATURES, extracted_sets, sets_of_file
from bigbigan_jax.progress import tracked

PROGRAM = "python -m bigbigan_jax.probe"
_DESCRIPTION = """\
Tells how much of the labels is in features that were learned without them, by the protocols of the
BigBiGAN paper. Classifiers are trained on train_without_val and chosen by train_val, 10,000 images
(or a tenth) held out of the training set; all but table1 are reported on --validation.

  table1      linear, AvePool, 5,000 steps at one rate; accuracy on train_val
  table2      linear, AvePool and BN+CReLU, 100,000 steps at five rates
  knn         nearest neighbours, AvePool
  few_labels  linear, BN+CReLU, 1 % and 10 % of the labels
"""
_EPILOG = f"""\
examples:
  {PROGRAM} --workdir=runs/digits --data=digits --validation=test --protocol=knn
  {PROGRAM} --workdir=runs/mnist --data=mnist --validation=test --features trained random_init raw
  {PROGRAM} --features mine.npz --protocol=table2
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG)
    add = parser.add_argument
    add_model(parser, required=False)
    add_data(parser, required=False)
    add("--protocol", nargs="+", choices=PROTOCOLS, default=["table1"])
    add(
        "--features",
        nargs="+",
        default=["trained"],
        help="trained, random_init (the same encoder before training), raw (pixels), or an .npz "
        "file with train, train_labels, validation, validation_labels, ...",
    )
    add("--validation", default="validation", help="the split to report on")
    add("--steps", type=int, help="of linear probes, in place of the protocol's")
    add("--cache", type=local_path, help="where features are kept; default: WORKDIR/features")
    add("--json", type=new_file(".json"), help="file to write the results to")
    flags = parser.parse_args(arguments)
    files = [name for name in flags.features if name.endswith(".npz")]
    unknown = set(flags.features) - set(files) - set(FEATURES)
    if unknown:
        parser.error(f"--features {unknown.pop()}: none of {', '.join(FEATURES)}, FILE.npz")
    if len(files) < len(flags.features):
        for name in ("workdir", "data"):
            if getattr(flags, name) is None:
                parser.error(f"--{name} is missing: features other than those of a file need it")
        if flags.cache is None and (
            "://" in flags.workdir or flags.workdir.endswith(".safetensors")
        ):
            parser.error(f"--cache is missing: features cannot be kept in {flags.workdir}")
    if flags.steps is not None and flags.steps < 1:
        parser.error(f"--steps={flags.steps}: it must be at least 1")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments), "stopped; the same line goes on")


def _run(flags: argparse.Namespace) -> None:

    rows = []
    for name, sets in _sets(flags):
        for protocol in flags.protocol:
            for row in PROTOCOLS[protocol](sets, _shown, flags.steps):
                rows.append({"of": name, **row})
    print(as_table(rows))
    if flags.json:
        about = {name: str(value) for name, value in vars(flags).items()}
        write_json(flags.json, about, rows)


def _sets(flags: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """The features to probe, by name, one after the other."""

    model = None
    for name in flags.features:
        if name.endswith(".npz"):
            yield name, sets_of_file(Path(name))
            continue
        model = model or load(flags.workdir, flags.step)
        cache = flags.cache or Path(flags.workdir).expanduser() / "features"
        yield name, extracted_sets(model, name, flags.data, flags.data_dir, flags.validation, cache)


def _shown(numbers: Sequence[int], text: str, unit: str) -> Iterator[int]:
    return tracked(numbers, len(numbers), text, unit=unit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
