"""Rows of tables as configurations."""

import runpy

import pytest
from small_runs import ROOT

from bigbigan_jax.config import ConfigError, default_config
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


# What the rows of Tables 1 and 3 of arXiv 1907.02544 differ in. The rate of E is given over that of
# G, steps in thousands; "=" is the default.
FIELDS = (
    "model.encoder.trunk",
    "model.encoder.width",
    "model.encoder.image_size",
    "model.image_size",
    "model.generator.channels",
    "model.z_dim",
    "model.terms",
    "model.prior",
    "model.encoder.head",
    "training.learning_rate.encoder",
    "data.augmentation",
    "steps",
)
PAPER = {
    "table1": """
        base              resnet50  1 128 128 96 120 x,z,xz normal  stochastic    1  resnet 500
        deterministic_e   resnet50  1 128 128 96 120 x,z,xz normal  deterministic 1  resnet 500
        uniform_pz        resnet50  1 128 128 96 120 x,z,xz uniform deterministic 1  resnet 500
        x_unary_only      resnet50  1 128 128 96 120 x,xz   normal  stochastic    1  resnet 500
        z_unary_only      resnet50  1 128 128 96 120 z,xz   normal  stochastic    1  resnet 500
        no_unaries        resnet50  1 128 128 96 120 xz     normal  stochastic    1  resnet 500
        small_g_32        resnet50  1 128 128 32 120 x,z,xz normal  stochastic    1  resnet 500
        small_g_64        resnet50  1 128 128 64 120 x,z,xz normal  stochastic    1  resnet 500
        no_e              none      = =   128 96 120 x      normal  =             =  resnet 500
        high_res_e        resnet50  1 256 128 96 120 x,z,xz normal  stochastic    1  resnet 500
        low_res_g         resnet50  1 256 64  96 120 x,z,xz normal  stochastic    1  resnet 500
        high_res_g        resnet50  1 256 256 96 140 x,z,xz normal  stochastic    1  resnet 500
        resnet101         resnet101 1 256 128 96 120 x,z,xz normal  stochastic    1  resnet 500
        resnet_x2         resnet50  2 256 128 96 120 x,z,xz normal  stochastic    1  resnet 500
        revnet            revnet50  1 256 128 96 120 x,z,xz normal  stochastic    1  resnet 500
        revnet_x2         revnet50  2 256 128 96 120 x,z,xz normal  stochastic    1  resnet 500
        revnet_x4         revnet50  4 256 128 96 120 x,z,xz normal  stochastic    1  resnet 500
        resnet_up_e_lr    resnet50  1 256 128 96 120 x,z,xz normal  stochastic    10 resnet 500
        revnet_x4_up_e_lr revnet50  4 256 128 96 120 x,z,xz normal  stochastic    10 resnet 500
        """,
    "table3": """
        biggan_sl                 none     = =   128 96 120 x      normal =          = table3 500
        bigbigan_sl               resnet50 1 128 128 96 120 x,z,xz normal stochastic 1 table3 500
        bigbigan_high_res_e_sl    resnet50 1 256 128 96 120 x,z,xz normal stochastic 1 table3 500
        bigbigan_high_res_e_sl_1m resnet50 1 256 128 96 120 x,z,xz normal stochastic 1 table3 1000
        """,
}
RATE_OF_G = 5e-5
READ = {
    "model.encoder.width": float,
    "model.terms": lambda text: tuple(text.split(",")),
    "training.learning_rate.encoder": lambda text: int(text) * RATE_OF_G,
    "steps": lambda text: int(text) * 1000,
}


@pytest.mark.parametrize("table", PAPER)
def test_tables_are_those_of_the_paper(table):
    rows = runpy.run_path(str(ROOT / "configs" / f"{table}.py"))["ROWS"]
    lines = [line.split() for line in PAPER[table].strip().splitlines()]
    assert list(rows) == [name for name, *_ in lines]
    for name, *columns in lines:
        expected = default_config()
        assert expected.training.learning_rate.generator == RATE_OF_G
        for field, column in zip(FIELDS, columns, strict=True):
            read = READ.get(field, int if column.isdigit() else str)
            if column != "=":
                expected.update_from_flattened_dict({field: read(column)})
        expected.fid.every = 5_000
        if table == "table1" and name != "no_e":  # what the probe is for
            expected.probe.every = 25_000
            expected.checkpoint.update({"best_metric": "probe/top-1", "best_mode": "max"})
        found = row_config(rows, name).to_dict()
        if name in ("no_e", "biggan_sl"):  # what E would be does not matter
            rates = found["training"]["learning_rate"]
            rates["encoder"] = expected.training.learning_rate.encoder
        assert found == expected.to_dict(), name


def test_the_released_revnet_is_a_row():
    released = runpy.run_path(str(ROOT / "configs" / "revnet50x4.py"))["get_config"]()
    table1 = runpy.run_path(str(ROOT / "configs" / "table1.py"))["ROWS"]
    assert row_config(table1, "revnet_x4_up_e_lr").to_dict() == released.to_dict()
