"""Results of compilations kept as JSON files, named by all that they depend on."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

# Of what `compiling.py` extracts; a change of it makes older results unreadable on purpose.
FORMAT = 2


def default_folder() -> Path:
    """$XDG_CACHE_HOME/bigbigan_jax/plan, or the same under ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "bigbigan_jax" / "plan"


class Cache:
    """A folder of results; it is made when the first is written."""

    def __init__(self, folder: str | os.PathLike[str]):
        self._folder = Path(folder).expanduser()

    def path(self, *parts: str) -> Path:
        """The file for the result that depends on these texts."""
        digest = hashlib.sha256()
        for part in (str(FORMAT), *parts):
            encoded = part.encode()
            digest.update(f"{len(encoded)}:".encode() + encoded)
        return self._folder / f"{digest.hexdigest()}.json"

    def read(self, path: Path) -> dict[str, Any] | None:
        """The result in a file; None where there is none, or a damaged one."""
        try:
            held = json.loads(path.read_text())
            result, checksum = held["result"], held["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return result if checksum == _checksum(result) else None

    def write(self, path: Path, result: dict[str, Any]) -> None:
        """Writes a result; a reader sees the whole of it or nothing.

        Raises:
          OSError: the folder cannot be written to.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        held = {"result": result, "sha256": _checksum(result)}
        with tempfile.NamedTemporaryFile(
            "w", dir=self._folder, prefix=".partial-", delete=False
        ) as file:
            try:
                json.dump(held, file)
                file.close()
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise


def _checksum(result: Any) -> str:
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
