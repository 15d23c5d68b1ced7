"""The command that trains and measures all rows of a table."""

import argparse
import runpy
import sys
from collections.abc import Sequence

from bigbigan_jax.arguments import Parser, ended, local_path
from bigbigan_jax.config_rows import Row
from bigbigan_jax.reports import write_json
from bigbigan_jax.table.errors import TableError
from bigbigan_jax.table.report import as_table, write_plot
from bigbigan_jax.table.rows import checked_run, result_of

PROGRAM = "python -m bigbigan_jax.table"
_DESCRIPTION = """\
Trains every row of a table, one after the other, measures it as the paper did, and prints what was
measured beside the paper's numbers. Stopped, the same line goes on where it was; rows that are done
are not trained again. Runs are in WORKDIR/ROW/seed_SEED, with their sheets of samples and
reconstructions; the table is in WORKDIR/table.json and table.png too.
"""
_EPILOG = f"""\
examples:
  {PROGRAM} --workdir=runs/bigan_mnist
  {PROGRAM} --workdir=runs/bigan_mnist --rows bigan ae_l1 --seeds 0 1 2 --steps=46875
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the process with code 2."""
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG)
    add = parser.add_argument
    add("--workdir", required=True, type=local_path, help="folder of all runs")
    add(
        "--config",
        type=local_path,
        default="configs/bigan_mnist.py",
        help="file with ROWS and get_config(row); default: %(default)s",
    )
    add("--rows", nargs="+", help="default: all")
    add("--seeds", nargs="+", type=int, default=[0], help="a run for each; default: 0")
    add("--steps", type=int, help="of training, in place of the configuration's")
    add("--data_dir", help="where prepared data lie; default: that of TensorFlow Datasets")
    flags = parser.parse_args(arguments)
    if not flags.config.is_file():
        parser.error(f"--config={flags.config}: there is no such file")
    if min(flags.seeds) < 0 or len(set(flags.seeds)) < len(flags.seeds):
        parser.error("--seeds: each must be given once, and not be negative")
    if flags.steps is not None and flags.steps < 1:
        parser.error(f"--steps={flags.steps}: it must be at least 1")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    return ended(_run, parse(arguments), "stopped; the same line goes on")


def _run(flags: argparse.Namespace) -> None:
    file = runpy.run_path(str(flags.config))
    if "ROWS" not in file or "get_config" not in file:
        raise TableError(f"--config={flags.config}: it has no ROWS with a get_config(row)")
    rows: dict[str, Row] = file["ROWS"]
    if unknown := set(flags.rows or ()) - rows.keys():
        raise TableError(f"--rows: there is no row {unknown.pop()!r}; rows are {', '.join(rows)}")
    runs = {}
    for name in flags.rows or rows:
        for seed in flags.seeds:
            config = file["get_config"](name)
            config.seed = seed
            config.steps = flags.steps or config.steps
            config.data.data_dir = flags.data_dir or config.data.data_dir
            runs[name, seed] = checked_run(name, config, flags.workdir / name / f"seed_{seed}")
    results = {}
    for (name, seed), run in runs.items():
        print(f"{rows[name].title}, seed {seed}", flush=True)
        result = {"row": name, "seed": seed, **result_of(name, run)}
        results.setdefault(name, []).append(result)
    print(as_table(rows, results))
    print(f"samples and reconstructions of each are in {flags.workdir}/ROW/seed_SEED/sheets")
    write_plot(flags.workdir / "table.png", rows, results)
    write_json(flags.workdir / "table.json", vars(flags), sum(results.values(), []))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
