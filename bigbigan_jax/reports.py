"""What a command found: columns to read, and JSON to keep."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells each, as lines with the cells of a column below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def write_json(path: Path, about: dict[str, Any], results: Sequence[dict[str, Any]]) -> None:
    """Writes {"about", "results"}; makes the folder.

    Args:
      path: of the file.
      about: the flags of the command; they are written as text.
      results: for JSON.
    """
    about = {name: str(value) for name, value in about.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "results": list(results)}, indent=1) + "\n")
