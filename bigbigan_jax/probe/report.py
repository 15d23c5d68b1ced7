"""What a probe found: a table to read, and JSON to keep."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def as_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as lines of aligned columns; accuracies in percent."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns] + [[_cell(name, row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def write_json(path: Path, about: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """Writes {"about", "results"}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "results": list(rows)}, indent=1) + "\n")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.startswith("top-"):
        return f"{value:.2%}"
    return f"{value:g}" if isinstance(value, float) else str(value)
