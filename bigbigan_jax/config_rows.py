"""Configurations that are rows of a paper's table: --config=configs/table1.py:ROW."""

import dataclasses
import difflib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict

from bigbigan_jax.config import ConfigError, default_config


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
      title: as the paper has it.
      results: the paper's numbers, as text.
      changes: values by dotted field, where the row differs from what all are made of.
      paper: the same numbers by name, to compare with.
    """

    title: str
    results: str
    changes: Mapping[str, Any]
    paper: Mapping[str, float] = dataclasses.field(default_factory=dict)


def row_config(
    rows: Mapping[str, Row],
    name: str | None,
    base: Callable[[str], ConfigDict] = lambda _: default_config(),
) -> ConfigDict:
    """The configuration of a row; with the name "list", prints all rows and ends the program.

    Args:
      rows: by name.
      name: of the row.
      base: makes the configuration that the row of a name changes.

    Raises:
      ConfigError: there is no such row, or none was named.
    """
    if name == "list":
        print(listing(rows))
        sys.exit(0)
    if name not in rows:
        asked = f"there is no row {name!r}" if name else f"name a row, such as :{next(iter(rows))}"
        close = difflib.get_close_matches(name or "", rows, n=1)
        hint = f"did you mean :{close[0]}? " if close else ""
        raise ConfigError(f"{asked}; {hint}:list shows all")
    config = base(name)
    config.update_from_flattened_dict(dict(rows[name].changes))
    return config


def listing(rows: Mapping[str, Row]) -> str:
    """A line for every row: its name, the paper's title, the paper's numbers."""
    names, titles = (max(map(len, column)) for column in (rows, [r.title for r in rows.values()]))
    return "\n".join(
        f"{name:<{names}}  {row.title:<{titles}}  {row.results}" for name, row in rows.items()
    )
