"""The command line of `python -m bigbigan_jax.prepare`."""

import argparse
from collections.abc import Sequence

from bigbigan_jax.arguments import Parser
from bigbigan_jax.data import AUGMENTATIONS
from bigbigan_jax.prepare.layout import LAYOUTS

PROGRAM = "python -m bigbigan_jax.prepare"
MNIST = ("mnist", "fashion_mnist")
COMMANDS = ("imagenet", "folder", *MNIST, "preview", "tfds")

_DESCRIPTION = """\
Prepares a data set for training: ArrayRecord files in the layout of TensorFlow Datasets, read
afterwards without TensorFlow by config.data.name=NAME and config.data.data_dir=DIR.
"""
_EPILOG = f"""\
examples:
  {PROGRAM} imagenet --tars=~/downloads --data_dir=~/tensorflow_datasets
  {PROGRAM} folder --images=~/photographs --name=my_photographs
  {PROGRAM} mnist --idx=~/downloads/mnist
  {PROGRAM} cifar10                 (any name that TensorFlow Datasets knows)
  {PROGRAM} preview --name=cifar10 --file=crops.png --size=32

`{PROGRAM} COMMAND --help` tells more. Exit codes: 0 done, 2 a mistake in the
command line, 1 any other error. What exists already is never overwritten.
"""
_IMAGENET = """\
Makes "imagenet2012" from ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar, by the builder of
TensorFlow Datasets, which needs TensorFlow: pip install -e '.[prepare]'. The tars and the disk are
checked first. The same line goes on after an interruption: a split that was finished is kept.
"""
_FOLDER = """\
Packs images (*.jpg, *.jpeg, *.png, *.webp, their bytes unchanged) from a folder or an
uncompressed tar. Needs no TensorFlow. Understood are

  split/class/...   such as train/cat/1.jpg, val/dog/2.png
  class/...         one split, "train"
  split/...         without classes
  flat              images without folders; one split, "train", without classes

Folders below a class belong to it. A class has the same number in every split. Images that cannot
be decoded are left out and listed in unreadable.txt beside the data.
"""
_MNIST = """\
Makes the set from its four published files (train-images-idx3-ubyte, train-labels-idx1-ubyte and
the two of t10k, with or without .gz), without TensorFlow. Without --idx, TensorFlow Datasets
downloads them, which needs TensorFlow.
"""
_TFDS = """\
Downloads and prepares a set as TensorFlow Datasets defines it. Most need TensorFlow for that:
pip install -e '.[prepare]'. Its name may have a configuration and a version, as in
imagenet_resized/64x64:0.1.0.
"""
_PREVIEW = """\
Writes a PNG with augmented crops of a prepared set, as training would see them.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line.

    A mistake in it ends the process with exit code 2 and one line on stderr, --help with 0.

    Args:
      arguments: the command line without the name of the program.

    Returns:
      "command", one of `COMMANDS`, and its flags by name.
    """
    arguments = list(arguments)
    # Any other first word is the name of a set, as if it followed "tfds".
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        arguments.insert(0, "tfds")
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    imagenet = _add(commands, "imagenet", "ImageNet 2012 from its two official tars", _IMAGENET)
    imagenet.add_argument("--tars", metavar="DIR", required=True, help="folder with the two tars")
    _add_partial(imagenet, "allow tars with a part of ImageNet, or one of them alone")

    folder = _add(commands, "folder", "your own images, from a folder or a tar", _FOLDER)
    folder.add_argument("--images", metavar="DIR", required=True, help="the folder or the tar")
    folder.add_argument(
        "--name", required=True, help="what to call the set, such as my_photographs"
    )
    folder.add_argument("--layout", choices=LAYOUTS, help="what the folders are; default: find out")
    folder.add_argument(
        "--max_unreadable",
        type=_share,
        default=0.01,
        metavar="SHARE",
        help="pack nothing if a larger share of the images cannot be read; default 0.01",
    )

    for name in MNIST:
        mnist = _add(commands, name, f"{name} from its published idx files", _MNIST)
        mnist.add_argument("--idx", metavar="DIR", help="folder with the four files")
        _add_partial(mnist, "allow other numbers of images than the published ones")

    preview = _add(commands, "preview", "a picture of training crops", _PREVIEW)
    preview.add_argument("--name", required=True, help="a prepared set")
    preview.add_argument("--file", metavar="FILE.png", required=True, help="the PNG to write")
    preview.add_argument("--split", default="train", help="the split to draw from; default train")

    other = _add(commands, "tfds", "any other NAME; the word tfds can be left out", _TFDS)
    other.add_argument("name", metavar="NAME", help="a name that TensorFlow Datasets knows")

    for command, subparser in commands.choices.items():
        _add_common(subparser, with_preview=command != "preview")
    return parser


def _add(commands, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=description)


def _add_partial(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--partial", action="store_true", help=text)


def _add_common(parser: argparse.ArgumentParser, with_preview: bool) -> None:
    parser.add_argument(
        "--data_dir",
        metavar="DIR",
        help="where prepared sets lie; default $TFDS_DATA_DIR, else ~/tensorflow_datasets",
    )
    if with_preview:
        parser.add_argument(
            "--preview", metavar="FILE.png", help="in the end, write a picture of training crops"
        )
    parser.add_argument(
        "--size", type=_side, default=128, help="side of the preview's crops in pixels; default 128"
    )
    parser.add_argument(
        "--augmentation",
        choices=sorted(AUGMENTATIONS),
        default="resnet",
        help="how the preview's crops are drawn; default resnet",
    )


def _share(text: str) -> float:
    return _between(float, text, 0, 1, "a share")


def _side(text: str) -> int:
    return _between(int, text, 1, 2048, "a side in pixels")


def _between(kind: type, text: str, least: int, most: int, what: str):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{what} is {least} to {most}, not {text!r}")
    return value
