"""Rows of tables as configurations."""

import runpy

import pytest
from small_runs import ROOT

from bigbigan_jax.config import ConfigError
from bigbigan_jax.config_rows import Row, row_config

ROWS = {
    "base": Row("Base", "FID 30", {}),
    "wide": Row("Wider", "FID 20", {"model.encoder.width": 2.0, "model.terms": ("xz",)}),
}


def test_a_row_differs_from_the_defaults_by_its_changes():
    config = row_config(ROWS, "wide")
    assert (config.model.encoder.width, tuple(config.model.terms)) == (2.0, ("xz",))
    assert row_config(ROWS, "base").model.encoder.width == 1.0


@pytest.mark.parametrize(
    "name, message",
    [
        ("wyde", "there is no row 'wyde'; did you mean :wide\\? :list shows all"),
        ("zzzz", "there is no row 'zzzz'; :list shows all"),
        (None, "name a row, such as :base; :list shows all"),
    ],
)
def test_wrong_rows(name, message):
    with pytest.raises(ConfigError, match=message):
        row_config(ROWS, name)


def test_list_prints_the_rows_and_ends(capsys):
    with pytest.raises(SystemExit) as end:
        row_config(ROWS, "list")
    assert end.value.code == 0
    assert capsys.readouterr().out == "base  Base   FID 30\nwide  Wider  FID 20\n"


def test_tables_have_the_rows_of_the_paper():
    table1, table3 = (
        runpy.run_path(str(ROOT / "configs" / f"table{number}.py"))["ROWS"] for number in (1, 3)
    )
    assert len(table1) == 19 and len(table3) == 4
    released = runpy.run_path(str(ROOT / "configs" / "revnet50x4.py"))["get_config"]()
    assert row_config(table1, "revnet_x4_up_e_lr").to_dict() == released.to_dict()
