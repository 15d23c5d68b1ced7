"""The command that trains AlexNet on the layers of a trained encoder."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bigbigan_jax.arguments import Parser, add_data, add_model, ended, new_file
from bigbigan_jax.data import class_presence, open_source
from bigbigan_jax.hub import Model, load
from bigbigan_jax.models.alexnet import LAYERS
from bigbigan_jax.probe.alexnet_classifier import check_encoder
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.report import as_table
from bigbigan_jax.probe.supervised import Saved
from bigbigan_jax.probe.transfer import TransferProtocol, train_transferred
from bigbigan_jax.probe.voc import TRAINED, Shown, VocProtocol, voc_average_precision
from bigbigan_jax.progress import tracked
from bigbigan_jax.reports import write_json

PROGRAM = "python -m bigbigan_jax.transfer"
_PROTOCOLS = {"imagenet": TransferProtocol, "voc": VocProtocol}
_SPLITS = {"imagenet": ("train", "validation"), "voc": ("train+validation", "test")}
# The flag that names the rows of a protocol, and all of them.
_ROWS = {
    "imagenet": ("frozen", list(range(1, len(LAYERS) + 1))),
    "voc": ("trained", list(TRAINED)),
}
_DESCRIPTION = """\
Tells what E of BiGAN on ImageNet has learned, as its paper does, by AlexNet with E's layers.

  imagenet  E's layers up to conv1 (conv2, ... conv5) are kept, those after them start anew and are
            trained on labels; top-1 and top-5 accuracy on --validation at the end of training
  voc       which of 20 classes an image shows: fc8 trained alone, fc6 to fc8, or all layers; mean
            average precision on --validation, over ten random crops an image. The data are
            voc/2007, or list classes as it does

Trainings are saved as they go on, and at SIGTERM, which ends the command with exit code 42.
Stopped, the same line goes on, and what is done is not repeated.
"""
_EPILOG = f"""\
examples:
  {PROGRAM} --workdir=runs/bigan_imagenet --data=imagenet2012
  {PROGRAM} --workdir=runs/bigan_imagenet --data=voc/2007 --protocol=voc
  {PROGRAM} --workdir=runs/bigan --data=imagenette --frozen 5 --steps=2000 --image_size=112
"""
_SHARED = ("steps", "batch_size", "image_size", "learning_rate", "units", "seed")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG)
    add = parser.add_argument
    add_model(parser)
    add_data(parser)
    add("--protocol", choices=_PROTOCOLS, default="imagenet", help="default: %(default)s")
    trains, validations = zip(*_SPLITS.values(), strict=True)
    add("--train", help=f"the split to train on; default: {_either(*trains)}")
    add("--validation", help=f"the split to report on; default: {_either(*validations)}")
    add(
        "--frozen",
        nargs="+",
        type=int,
        choices=range(len(LAYERS) + 1),
        help="imagenet: how many layers are kept, a training for each; 0 for none of E. Default: 1 "
        "to 5",
    )
    add("--trained", nargs="+", choices=TRAINED, help="voc: what is trained; default: each")
    for name in _SHARED:
        defaults = [getattr(protocol, name) for protocol in _PROTOCOLS.values()]
        add(f"--{name}", type=type(defaults[0]), help=f"default: {_either(*defaults)}")
    add("--workers", type=int, default=0, help="processes that decode; default: threads")
    add(
        "--checkpoints",
        help="folder of the trainings, to go on with; default: WORKDIR/transfer, for a "
        ".safetensors file none",
    )
    add("--json", type=new_file(".json"), help="file to write the results to")
    flags = parser.parse_args(arguments)
    for protocol, (own, every) in _ROWS.items():
        if flags.protocol != protocol and getattr(flags, own):
            parser.error(f"--{own} is for --protocol={protocol}")
        if flags.protocol == protocol and not getattr(flags, own):
            setattr(flags, own, every)
    for name in _SHARED:
        default = getattr(_PROTOCOLS[flags.protocol], name)
        setattr(flags, name, default if getattr(flags, name) is None else getattr(flags, name))
        if name != "seed" and not getattr(flags, name) > 0:
            parser.error(f"--{name}={getattr(flags, name)}: it must be positive")
    for name in ("seed", "workers"):
        if getattr(flags, name) < 0:
            parser.error(f"--{name}={getattr(flags, name)}: it must not be negative")
    train, validation = _SPLITS[flags.protocol]
    flags.train, flags.validation = flags.train or train, flags.validation or validation
    if flags.checkpoints is None and not flags.workdir.endswith(".safetensors"):
        flags.checkpoints = os.path.join(flags.workdir, "transfer")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments), "stopped; the same line goes on")


def _run(flags: argparse.Namespace) -> None:
    model = load(flags.workdir, flags.step)
    check_encoder(model)  # before data are read
    protocol = _PROTOCOLS[flags.protocol](**{name: getattr(flags, name) for name in _SHARED})
    rows_of = {"imagenet": _imagenet, "voc": _voc}[flags.protocol]
    rows = list(rows_of(flags, model, protocol))
    print(as_table([{k: v for k, v in row.items() if k != "classes"} for row in rows]))
    if flags.json:
        write_json(flags.json, vars(flags), rows)


def _imagenet(
    flags: argparse.Namespace, model: Model, protocol: TransferProtocol
) -> Iterator[dict[str, Any]]:
    train, validation = (
        open_source(flags.data, split, flags.data_dir) for split in (flags.train, flags.validation)
    )
    if validation.num_classes != train.num_classes:
        raise ProbeError(
            f"split {train.split!r} has {train.num_classes} classes, split {validation.split!r} "
            f"{validation.num_classes}"
        )
    for frozen in flags.frozen:
        kept = f"conv1-{frozen}" if frozen > 1 else ("none", "conv1")[frozen]
        saved = _saved(flags, model, protocol, kept, train.fingerprint)
        progress = _shown(f"E's: {kept}")
        found = train_transferred(model, frozen, train, protocol, flags.workers, saved, progress)
        top1, top5 = found.accuracy(validation)
        yield {"E's": kept, "top-1": top1, "top-5": top5}


def _voc(
    flags: argparse.Namespace, model: Model, protocol: VocProtocol
) -> Iterator[dict[str, Any]]:
    sources = (
        open_source(flags.data, split, flags.data_dir) for split in (flags.train, flags.validation)
    )
    train, validation = (Shown(source, *class_presence(source)) for source in sources)
    for trained in flags.trained:
        saved = _saved(flags, model, protocol, trained, train.source.fingerprint)
        classes = voc_average_precision(
            model,
            trained,
            train,
            validation,
            protocol,
            flags.workers,
            saved,
            _shown(f"trained: {trained}"),
        )
        mean = sum(classes.values()) / len(classes)
        yield {"trained": trained, "mAP": mean, "classes": classes}


def _saved(
    flags: argparse.Namespace, model: Model, protocol: Any, row: str, data: str
) -> Saved | None:
    if flags.checkpoints is None:
        return None
    about = {"weights": str(model.about["weights"]), "data": data, **dataclasses.asdict(protocol)}
    return Saved(os.path.join(flags.checkpoints, flags.protocol, row), about)


def _shown(text: str) -> Any:
    def progress(steps: Sequence[int]) -> Iterable[int]:
        return tracked(steps, len(steps), text, unit="steps")

    return progress


def _either(imagenet: Any, voc: Any) -> str:
    """For a help text: "450000, voc: 80000", or one where both are the same."""
    return str(imagenet) if imagenet == voc else f"{imagenet}, voc: {voc}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
