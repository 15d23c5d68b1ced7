"""Tells what a training step needs and costs on TPU slices, by the TPU compiler, without a TPU.

    python -m bigbigan_jax.plan --config=configs/resnet50.py --topology=v3:8x8,v4:4x4x4

Needs libtpu (pip install -e '.[tpu]'). For each slice: HBM by purpose, FLOPs, time of a step,
collectives, images a second, days for config.steps. Any field of the configuration is a flag, as
for main.py. Times are estimates; none has been compared with a TPU.

A slice is a generation and the chips along each axis: v2:8x8, v3:8x8, v5e:16x16, v6e:8x8, v4:4x4x4,
v5p:4x4x4. A compilation takes minutes; its numbers are kept, so the same question is answered at
once the next time.

Exit codes: 0 all fit, 3 some do not fit, 2 a mistake in the command line, 1 any other error.
"""

import os

from bigbigan_jax.plan.environment import WITHOUT_TPU

os.environ.update(WITHOUT_TPU)

import json
import sys
from collections.abc import Sequence

from absl import app, flags
from ml_collections import config_flags

from bigbigan_jax.command_line import parse_flags
from bigbigan_jax.config import ConfigError
from bigbigan_jax.plan.apart import plan_apart
from bigbigan_jax.plan.cache import Cache, default_folder
from bigbigan_jax.plan.compiling import compiler_version, mesh_of
from bigbigan_jax.plan.errors import PlanError
from bigbigan_jax.plan.planning import configure
from bigbigan_jax.plan.report import describe, summarize
from bigbigan_jax.plan.topologies import Slice, parse_slice

DOES_NOT_FIT = 3

_CONFIG = config_flags.DEFINE_config_file("config", None, "File that defines get_config().")
_TOPOLOGY = flags.DEFINE_multi_string(
    "topology", None, "Slices, such as v3:8x8; several with commas or by repeating the flag."
)
_BATCH_SIZE_PER_DEVICE = flags.DEFINE_integer(
    "batch_size_per_device",
    None,
    "Sets config.batch_size to so many images for each device of a slice (weak scaling).",
    1,
)
_JSON = flags.DEFINE_string("json", None, "File for the same numbers as JSON.")
_MARKDOWN = flags.DEFINE_bool("markdown", False, "Print the summary only, as a Markdown table.")
_CACHE = flags.DEFINE_string(
    "cache", None, "Folder of results; ~/.cache/bigbigan_jax/plan by default."
)


def main(argv: Sequence[str]) -> int:
    """Plans for each slice and prints."""
    del argv
    slices = _slices()
    try:
        compiler_version()
        plans = _plan_all(slices)
    except (ConfigError, PlanError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if _MARKDOWN.value or len(plans) > 1:
        print(summarize(plans, markdown=_MARKDOWN.value))
    if len(plans) < len(slices):
        return 1
    return 0 if all(numbers["fits"] for numbers in plans) else DOES_NOT_FIT


def _plan_all(slices: Sequence[Slice]) -> list[dict]:
    """The plans, without those of slices that the compiler fails for, which are told of."""
    per_device, cache = _BATCH_SIZE_PER_DEVICE.value, Cache(_CACHE.value or default_folder())
    # All that can be refused is refused before the first compilation.
    configs = [configure(_CONFIG.value, tpu, per_device) for tpu in slices]
    for tpu in slices:
        mesh_of(tpu)
    if _JSON.value:
        open(_JSON.value, "a").close()
    plans = []
    for config, tpu in zip(configs, slices, strict=True):
        try:
            plans.append(plan_apart(config, tpu, cache))
        except PlanError as error:
            print(f"error: {error}", file=sys.stderr)
            continue
        if not _MARKDOWN.value:
            print(describe(plans[-1]), end="\n\n", flush=True)
        if _JSON.value:  # after each, as the next may take long
            with open(_JSON.value, "w") as file:
                json.dump(plans, file, indent=2)
                file.write("\n")
    return plans


def _slices() -> list[Slice]:
    names = [name for value in _TOPOLOGY.value for name in value.split(",")]
    return [parse_slice(name) for name in dict.fromkeys(names)]


def _parse(argv: Sequence[str]) -> Sequence[str]:
    """`parse_flags`, and the slices."""
    rest = parse_flags(argv, required=("config", "topology"))
    try:
        _slices()
    except PlanError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    return rest


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
