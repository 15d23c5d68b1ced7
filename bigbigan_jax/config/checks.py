"""The check that a configuration is whole."""

from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from bigbigan_jax.config.defaults import default_config
from bigbigan_jax.config.errors import ConfigError, check_name
from bigbigan_jax.config.model_checks import CHECKS, MODEL_CHOICES, OBJECTIVES
from bigbigan_jax.data import AUGMENTATIONS
from bigbigan_jax.inception import TAPS

SCORES = ("labels",)
NETWORKS = ("generator", "encoder", "discriminator")
# What must be positive, not negative, and in [0, 1), where a configuration has it.
_POSITIVE = (
    "steps",
    "batch_size",
    "training.d_steps",
    "training.adam_eps",
    "training.gradient_accumulation",
    "training.learning_rate",
    "training.learning_rate.*",
    "training.final_learning_rate",
    "training.final_rate_share",
    "training.statistics_batches",
    "training.steps_at_once",
    "training.max_skipped_in_a_row",
    "checkpoint.every",
    "checkpoint.keep_last",
    "log.*",
    "probe.steps",
    "probe.batch_size",
    "model.z_dim",
    "model.image_size",
    "model.width",
    "model.generator.*",
    "model.discriminator.*",
    "model.encoder.width",
    "model.encoder.head_width",
)
_NOT_NEGATIVE = ("data.workers", "checkpoint.keep_every", "probe.every", "fid.every", "seed")
_NOT_NEGATIVE += ("training.weight_decay", "training.views.*")
_FRACTIONS = ("training.adam_b1", "training.adam_b2", "training.ema_decay")
# What happens every so many steps, and so at the end of a program of several.
_PERIODS = ("steps", "checkpoint.every", "checkpoint.keep_every", "probe.every", "fid.every")
_PERIODS += ("log.every", "log.monitor_every", "log.sheets_every")


def validate(config: ConfigDict) -> None:
    """Checks a configuration before anything is built.

    Raises:
      ConfigError: names the field, what it holds and what would be right.
    """
    fields = config.to_dict()
    model = fields.get("model")
    architecture = model.get("architecture", "") if isinstance(model, Mapping) else ""
    known = default_config(fields.get("family"), architecture).to_dict()
    _check_fields(fields, known)
    flat = dict(_flatten(fields))
    _check_choices(config, flat)
    _check_ranges(flat)
    CHECKS[architecture](config)
    _check_on_device(flat)


def _check_fields(config: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> None:
    for name in config:
        check_name(name, known, prefix)
    for name, default in known.items():
        if name not in config:
            raise ConfigError(f"config.{prefix}{name} is missing; the default is {default!r}")
        value = config[name]
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            _check_fields(value, default, f"{prefix}{name}.")
            continue
        kinds = {float: (int, float), tuple: (tuple, list)}.get(type(default), type(default))
        if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(default, bool):
            raise ConfigError(
                f"config.{prefix}{name} is {value!r}; it must be of type "
                f"{type(default).__name__}, such as {default!r}"
            )


def _check_choices(config: ConfigDict, flat: Mapping[str, Any]) -> None:
    model = config.model
    choices = MODEL_CHOICES[model.architecture] | {
        "training.objective": tuple(OBJECTIVES),
        "data.augmentation": tuple(AUGMENTATIONS),
        "probe.augmentation": tuple(AUGMENTATIONS),
        "fid.width": TAPS,
        "checkpoint.best_mode": ("min", "max"),
    }
    values = [(field, flat[field], known) for field, known in choices.items() if field in flat]
    for field, known in (
        ("model.terms", ("x", "z", "xz")),
        ("training.rematerialize", NETWORKS),
        ("scores", SCORES),
    ):
        values += [(f"{field}[{i}]", value, known) for i, value in enumerate(flat.get(field, ()))]
    for field, value, known in values:
        if value not in known:
            listed = ", ".join(map(repr, known))
            raise ConfigError(f"config.{field} is {value!r}; it must be one of {listed}")


def _check_ranges(flat: Mapping[str, Any]) -> None:
    for field in _named(_POSITIVE, flat):
        if not flat[field] > 0:
            raise ConfigError(f"config.{field} is {flat[field]!r}; it must be positive")
    for field in _named(_NOT_NEGATIVE, flat):
        if not flat[field] >= 0:
            raise ConfigError(f"config.{field} is {flat[field]!r}; it must not be negative")
    for field in _named(_FRACTIONS, flat):
        if not 0 <= flat[field] < 1:
            raise ConfigError(f"config.{field} is {flat[field]!r}; it must be in [0, 1)")
    if flat["fid.samples"] < 2:
        raise ConfigError(f"config.fid.samples is {flat['fid.samples']!r}; it must be at least 2")
    if not flat["fid.jump"] > 1:
        raise ConfigError(f"config.fid.jump is {flat['fid.jump']!r}; it must be greater than 1")
    if not 0 <= flat["data.max_damaged_share"] <= 1:
        share = flat["data.max_damaged_share"]
        raise ConfigError(f"config.data.max_damaged_share is {share!r}; it must be in [0, 1]")


def _check_on_device(flat: Mapping[str, Any]) -> None:
    at_once, augmentation = flat["training.steps_at_once"], flat["data.augmentation"]
    if flat["data.on_device"] and augmentation != "none":
        raise ConfigError(
            f"config.data.augmentation is {augmentation!r}; images that stay on the devices "
            "(data.on_device) are the same each time, so it must be 'none'"
        )
    if at_once > 1 and not flat["data.on_device"]:
        raise ConfigError(
            f"config.training.steps_at_once is {at_once}; more than one step in a program needs "
            "data.on_device"
        )
    for field in _PERIODS:
        if flat[field] % at_once:
            raise ConfigError(
                f"config.{field} is {flat[field]}; it must be a multiple of "
                f"training.steps_at_once, {at_once}"
            )


def _named(names: tuple[str, ...], flat: Mapping[str, Any]) -> Iterator[str]:
    """Those fields that there are; "section.*" names all of a section."""
    for name in names:
        section = name.removesuffix("*")
        if section != name:
            yield from (field for field in flat if field.rpartition(".")[0] == section[:-1])
        elif name in flat:
            yield name


def _flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
