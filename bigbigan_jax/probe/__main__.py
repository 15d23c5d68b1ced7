"""The command that probes features."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bigbigan_jax.arguments import Parser, add_data, add_model, ended, local_path, new_file
from bigbigan_jax.data import AUGMENTATIONS
from bigbigan_jax.hub import LoadError, Model, checkpoint_steps, load
from bigbigan_jax.probe.plot import write_plot
from bigbigan_jax.probe.protocols import AUGMENTED, PROTOCOLS, Row, Sets
from bigbigan_jax.probe.report import as_table
from bigbigan_jax.probe.sets import FEATURES, LAYERS, extracted_sets, sets_of_file
from bigbigan_jax.progress import tracked
from bigbigan_jax.reports import write_json

PROGRAM = "python -m bigbigan_jax.probe"
_DESCRIPTION = """\
Tells how much of the labels is in features that were learned without them, by the protocols of the
BigBiGAN paper. Classifiers are trained on train_without_val and chosen by train_val, 10,000 images
(or a tenth) held out of the training set; all but table1 are reported on --validation.

  table1      linear, AvePool, 5,000 steps at one rate; accuracy on train_val
  table2      linear, AvePool and BN+CReLU, 100,000 steps at five rates
  knn         nearest neighbours, AvePool
  few_labels  linear, BN+CReLU, 1 % and 10 % of the labels
  1nn         the nearest of all training images, train_val included; BiGAN's protocol
  svm         L2-SVMs on 1,000 labels, mean and spread of 100 draws; ALI's protocol
"""
_EPILOG = f"""\
examples:
  {PROGRAM} --workdir=runs/digits --data=digits --validation=test --protocol=knn
  {PROGRAM} --workdir=runs/mnist --data=mnist --validation=test --features trained random_init raw
  {PROGRAM} --workdir=runs/mnist --data=mnist --validation=test --plot=accuracy.png
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
        help="trained, random_init (the same encoder before training), raw (pixels), discriminator "
        "(what D makes of images before it scores them), or an .npz file with train, train_labels, "
        "validation, validation_labels, ...",
    )
    add(
        "--layer",
        choices=LAYERS,
        default="avepool_feat",
        help="which of E's outputs; for trained and random_init",
    )
    add("--validation", default="validation", help="the split to report on")
    add("--steps", type=int, help="of linear probes, in place of the protocol's")
    add(
        "--augmentation",
        choices=AUGMENTATIONS,
        help="crop training images anew each time, with features computed as they are read: "
        f'"resnet" is the paper\'s; for {" and ".join(AUGMENTED)}. Default: centre crops, whose '
        "features are kept",
    )
    add("--workers", type=int, default=0, help="processes that crop; default: threads")
    add("--cache", type=local_path, help="where features are kept; default: WORKDIR/features")
    add("--json", type=new_file(".json"), help="file to write the results to")
    add(
        "--plot",
        type=new_file(".png"),
        help="probe every checkpoint of the workdir, and draw accuracy against the training step",
    )
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
    if flags.workers < 0:
        parser.error(f"--workers={flags.workers}: it must not be negative")
    if flags.augmentation and (kept := set(flags.protocol) - set(AUGMENTED)):
        parser.error(f"--augmentation: {kept.pop()} is for features that are kept; leave it out")
    if flags.augmentation and flags.layer != "avepool_feat":
        parser.error(f"--augmentation: --layer={flags.layer} is for features that are kept")
    if flags.augmentation and files:
        parser.error(f"--augmentation: {files[0]} holds features, not images; leave it out")
    if flags.plot and ("trained" not in flags.features or flags.step is not None):
        parser.error("--plot takes all checkpoints of a workdir: give no --step, features trained")
    if flags.plot and flags.workdir.endswith(".safetensors"):
        parser.error(f"--plot takes all checkpoints of a workdir; {flags.workdir} is one model")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments), "stopped; the same line goes on")


def _run(flags: argparse.Namespace) -> None:
    rows = []
    for of, sets in _sets(flags):
        for protocol in flags.protocol:
            rows += [{**of, **row} for row in PROTOCOLS[protocol](sets, _shown, flags.steps)]
    print(as_table(rows))
    if flags.json:
        write_json(flags.json, vars(flags), rows)
    if flags.plot:
        write_plot(flags.plot, rows)


def _sets(flags: argparse.Namespace) -> Iterator[tuple[Row, Sets]]:
    """The features to probe, one after the other, and what a table says of them."""
    for name in flags.features:
        if name.endswith(".npz"):
            yield {"of": name}, sets_of_file(Path(name))
            continue
        every = flags.plot and name == "trained"
        for model in _of_all_checkpoints(flags) if every else [load(flags.workdir, flags.step)]:
            sets = extracted_sets(
                model,
                name,
                flags.data,
                flags.data_dir,
                flags.validation,
                flags.cache or Path(flags.workdir).expanduser() / "features",
                AUGMENTATIONS[flags.augmentation] if flags.augmentation else None,
                flags.workers,
                flags.layer if name in ("trained", "random_init") else "avepool_feat",
            )
            trained = {"training step": model.about["step"]} if name == "trained" else {}
            yield {"of": name, **trained}, sets


def _of_all_checkpoints(flags: argparse.Namespace) -> Iterator[Model]:
    for step in checkpoint_steps(flags.workdir):
        try:
            yield load(flags.workdir, step)
        except LoadError as error:
            print(f"left out: {error}", file=sys.stderr)


def _shown(numbers: Sequence[int], text: str, unit: str) -> Iterator[int]:
    return tracked(numbers, len(numbers), text, unit=unit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
