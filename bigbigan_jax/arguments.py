"""What the commands that take plain flags have in common."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bigbigan_jax.data import DataError
from bigbigan_jax.errors import UserError
from bigbigan_jax.preemption import PREEMPTED, Stopped


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose flags are written out."""

    def __init__(self, **kwargs) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def error(self, message: str) -> NoReturn:
        print(f"error: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def add_model(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds the flags that name a trained model: --workdir and --step."""
    parser.add_argument(
        "--workdir", required=required, help="of the training, or a .safetensors file"
    )
    parser.add_argument(
        "--step", type=_step, help='of the checkpoint, or "best"; default: the newest'
    )


def add_data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds the flags that name a data set: --data and --data_dir."""
    parser.add_argument("--data", required=required, help="data set, as config.data.name")
    parser.add_argument(
        "--data_dir", help="where prepared data lie; default: that of TensorFlow Datasets"
    )


def local_path(text: str) -> Path:
    """The type of a flag that names a file or folder on this machine."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text!r} must be a local path")
    return Path(text).expanduser()


def new_file(suffix: str) -> Callable[[str], Path]:
    """The type of a flag that names a file to be written, which is not there yet."""

    def check(text: str) -> Path:
        path = local_path(text)
        if path.suffix.lower() != suffix:
            raise argparse.ArgumentTypeError(f"{text!r} does not end in {suffix}")
        if path.exists():
            raise argparse.ArgumentTypeError(f"{text} exists already; choose another name")
        return path

    return check


def ended(
    run: Callable[[argparse.Namespace], None], flags: argparse.Namespace, stopped: str = "stopped"
) -> int:
    """Runs a command; an error that is the user's to mend becomes one line on stderr.

    Args:
      run: the command.
      flags: its flags.
      stopped: what to say when it is stopped.

    Returns:
      The exit code: 0 done, 1 such an error, 42 stopped by SIGTERM after saving, 130 by Ctrl-C.
    """
    try:
        run(flags)
    except (DataError, UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Stopped:
        print(stopped, file=sys.stderr)
        return PREEMPTED
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130
    return 0


def _step(text: str) -> int | str:
    if text != "best" and not text.isdigit():
        raise argparse.ArgumentTypeError(f'{text!r} is neither a number nor "best"')
    return text if text == "best" else int(text)
