"""What a checkpoint says about its run, and whether another run may continue it."""

import json
import platform
from importlib import metadata as installed
from typing import Any

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.config.defaults import FAMILIES, default_config

_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "bigbigan_jax")
# Fields that decide what is trained, on which images in which order, and what an optimiser's state
# holds; the exceptions say only where the images lie, how fast they are read, when to give up and
# what is evaluated.
_FIXED = ("family", "model", "data", "seed", "batch_size", "training.d_steps")
_FIXED += ("training.objective", "training.final_rate_share")
_FREE = (
    "data.on_device",
    "data.data_dir",
    "data.workers",
    "data.eval_split",
    "data.max_damaged_share",
)
_SHOWN = 3
_ABSENT = object()


def run_metadata(config: dict[str, Any], data_fingerprint: str) -> dict[str, Any]:
    """Returns the metadata to save with each checkpoint of a run.

    Args:
      config: the run's whole configuration as nested dicts of JSON-able values.
      data_fingerprint: text that changes with the images, labels or their order.

    Returns:
      {"config", "data_fingerprint", "versions"}, exactly as JSON will give it back.

    Raises:
      TypeError: the configuration holds something that JSON cannot.
    """
    versions = {"python": platform.python_version()}
    versions.update({package: _version(package) for package in _PACKAGES})
    return _as_json({"config": config, "data_fingerprint": data_fingerprint, "versions": versions})


def check_resumable(saved: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Checks that a run may continue from a checkpoint of the run `saved`.

    Args:
      saved: `run_metadata` of the checkpoint.
      current: `run_metadata` of the run that wants to continue it.

    Returns:
      One line for every other difference (optimiser, steps, versions, ...), to be logged.

    Raises:
      CheckpointError: family, model, data, seed, batch size or the data's fingerprint differ.
    """
    fixed, free = [], []
    defaults = _defaults(saved.get("config", {}))
    for name, was, now in _differences(saved.get("config", {}), current["config"]):
        # The checkpoint may be older than the field.
        if was is _ABSENT and defaults.get(name, _ABSENT) == now:
            continue
        line = f"{name}: checkpoint has {_show(was)}, config has {_show(now)}"
        (fixed if _under(name, _FIXED) and not _under(name, _FREE) else free).append(line)
    was, now = saved.get("data_fingerprint", _ABSENT), current["data_fingerprint"]
    if was != now:
        fixed.append(f"data fingerprint: checkpoint has {_show(was)}, the data give {_show(now)}")
    if fixed:
        more = f"; and {len(fixed) - _SHOWN} more" if len(fixed) > _SHOWN else ""
        raise CheckpointError(
            f"{'; '.join(fixed[:_SHOWN])}{more}. To continue, use the checkpoint's settings and "
            "data; to start anew, use another --workdir"
        )
    for name, was, now in _differences(saved.get("versions", {}), current["versions"]):
        free.append(f"{name}: checkpoint was written by {_show(was)}, this is {_show(now)}")
    return free


def _defaults(config: dict[str, Any]) -> dict[str, Any]:
    """The defaults of a configuration's fields by dotted name."""
    family = config.get("family")
    if family not in FAMILIES:
        return {}
    architecture = config.get("model", {}).get("architecture", "")
    return _fields(_as_json(default_config(family, architecture).to_dict()))


def _differences(saved: Any, current: Any) -> list[tuple[str, Any, Any]]:
    """(dotted name, saved value, current value) of the fields that differ, in name order."""
    was, now = _fields(_as_json(saved)), _fields(_as_json(current))
    pairs = [(name, was.get(name, _ABSENT), now.get(name, _ABSENT)) for name in was | now]
    return sorted((pair for pair in pairs if pair[1] != pair[2]), key=lambda pair: pair[0])


def _fields(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one dict of dotted names; an empty dict is a value."""
    if not isinstance(tree, dict) or (prefix and not tree):
        return {prefix: tree}
    fields = {}
    for name, value in tree.items():
        fields.update(_fields(value, f"{prefix}.{name}" if prefix else name))
    return fields


def _under(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def _show(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value)


def _as_json(tree: Any) -> Any:
    # Tuples come back as lists and integer keys as text: compare what comes back.
    return json.loads(json.dumps(tree))


def _version(package: str) -> str:
    try:
        return installed.version(package)
    except installed.PackageNotFoundError:
        return "not installed"  # run from a source tree
