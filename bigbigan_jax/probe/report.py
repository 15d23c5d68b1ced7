"""What a probe found, as a table."""

from collections.abc import Sequence
from typing import Any

from bigbigan_jax.reports import aligned


def as_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as lines of aligned columns; accuracies and mAP in percent."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns] + [[_cell(name, row.get(name)) for name in columns] for row in rows]
    return "\n".join(aligned(cells))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.startswith("top-") or name == "mAP":
        return f"{value:.2%}"
    return f"{value:g}" if isinstance(value, float) else str(value)
