"""The command that fetches Inception's weights."""

import argparse
import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from bigbigan_jax.arguments import Parser, ended, local_path
from bigbigan_jax.inception.errors import WeightsError
from bigbigan_jax.inception.weights import DEFAULT, FILE, URL, read_weights
from bigbigan_jax.progress import tracked

PROGRAM = "python -m bigbigan_jax.inception"
_DESCRIPTION = f"""\
Downloads the network by which FID and the Inception Score are taken: pytorch-fid's port of the
TensorFlow graph of 2015-12-05.

  from  {URL}
"""
_CHUNK = 1 << 20
_TIMEOUT = 60.0  # seconds without a byte


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION)
    parser.add_argument(
        "--out", type=local_path, default=Path(DEFAULT).expanduser(), help=f"default: {DEFAULT}"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments))


def _run(flags: argparse.Namespace) -> None:
    if flags.out.exists():
        read_weights(flags.out)
    else:
        download(URL, flags.out)
    print(flags.out)


def download(url: str, path: Path) -> None:
    """Downloads the weights and checks them by the digits in their name.

    Raises:
      WeightsError: they cannot be had, or are not what they should be; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, partial.open("wb") as file:
            digest, size = hashlib.sha256(), int(answer.headers.get("Content-Length") or 0)
            chunks = iter(lambda: answer.read(_CHUNK), b"")
            for chunk in tracked(chunks, size // _CHUNK, "downloading", unit="MiB"):
                digest.update(chunk)
                file.write(chunk)
        expected = FILE.removesuffix(".pth").rpartition("-")[2]
        if not digest.hexdigest().startswith(expected):
            raise WeightsError(
                f"{url}: what came has another SHA-256 ({digest.hexdigest()[:8]}) than the name of "
                f"the file says ({expected})"
            )
        partial.replace(path)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise WeightsError(
            f"{url}: not reached ({error}); fetch it on another machine and give its place by "
            "--inception"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
