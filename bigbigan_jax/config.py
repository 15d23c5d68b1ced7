"""The configuration: every field with its default, and the check that a configuration is whole.

A file in `configs/` takes `default_config()` and changes what differs. The default is the
released ResNet-50 model of the paper (arXiv 1907.02544, Table 1, "ResNet ↑E LR").
"""

import difflib
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from bigbigan_jax.data import AUGMENTATIONS
from bigbigan_jax.inception import TAPS
from bigbigan_jax.models.discriminator import TERMS
from bigbigan_jax.models.encoder import HEADS, TRUNKS
from bigbigan_jax.models.generator import MULTIPLIERS, z_chunks
from bigbigan_jax.models.revnet import CHANNELS

FAMILIES = ("bigbigan",)
PRIORS = ("normal", "uniform")
DTYPES = ("float32", "bfloat16")
SCORES = ("labels",)
NETWORKS = ("generator", "encoder", "discriminator")


class ConfigError(ValueError):
    """A field of the configuration is unknown, missing or wrong; the message is one line."""


def default_config() -> ConfigDict:
    """The released ResNet-50 model, at the paper's batch size and length."""
    config = ConfigDict()
    config.family = "bigbigan"
    config.seed = 0
    config.steps = 500_000
    config.batch_size = 2048  # over all devices of all hosts

    config.model = ConfigDict()
    config.model.image_size = 128  # of G and D
    config.model.image_channels = 3
    config.model.z_dim = 120
    config.model.prior = "normal"  # or "uniform", with a deterministic encoder
    config.model.terms = ("x", "z", "xz")  # of the objective
    config.model.dtype = "bfloat16"  # of the computation; weights are float32
    config.model.generator = ConfigDict({"channels": 96, "embedding_dim": 128})
    config.model.discriminator = ConfigDict({"channels": 96, "mlp_width": 2048})
    config.model.encoder = ConfigDict()
    config.model.encoder.trunk = "resnet50"  # "none" for a plain unconditional BigGAN
    config.model.encoder.width = 1.0
    config.model.encoder.image_size = 256  # image_size times 1, 2 or 4
    config.model.encoder.head = "stochastic"  # or "deterministic"
    config.model.encoder.head_width = 4096

    config.training = ConfigDict()
    config.training.d_steps = 2  # D updates a step, each on a fresh batch
    config.training.learning_rate = ConfigDict(
        {"discriminator": 2e-4, "generator": 5e-5, "encoder": 5e-4}
    )
    config.training.adam_b2 = 0.999
    config.training.adam_eps = 1e-8
    config.training.ema_decay = 0.9999  # of the weights of G and E used in evaluation
    config.training.shard_weights = True  # split weights, optimiser states and EMA over the devices
    config.training.gradient_accumulation = 1  # parts of a batch; BatchNorm then sees only a part
    config.training.rematerialize = ()  # networks to recompute in the backward pass: less memory
    config.training.max_skipped_in_a_row = 100  # non-finite steps before the run gives up

    config.data = ConfigDict()
    config.data.name = "imagenet2012"  # "digits", or any TFDS name
    config.data.split = "train"
    config.data.eval_split = "validation"  # for reconstruction sheets and scores; "" for none
    config.data.data_dir = ""  # "" for TFDS's default
    config.data.augmentation = "resnet"
    config.data.workers = 16  # processes a host; 0 for threads of the main process
    config.data.max_damaged_share = 0.01  # of images that cannot be decoded, before a run gives up

    config.checkpoint = ConfigDict()
    config.checkpoint.every = 1000
    config.checkpoint.keep_last = 3
    config.checkpoint.keep_every = 50_000  # kept for good; 0 for none
    config.checkpoint.best_metric = ""  # a metric whose best checkpoint is kept; "" for none
    config.checkpoint.best_mode = "min"  # or "max"

    config.log = ConfigDict()
    config.log.every = 100
    config.log.monitor_every = 1000  # metrics that need forward passes of their own
    config.log.sheets_every = 5000

    config.probe = ConfigDict()  # the linear probe of Table 1, in training
    config.probe.every = 0  # steps between two; 0 for none
    config.probe.steps = 5000
    config.probe.batch_size = 2048
    config.probe.augmentation = "resnet"

    config.fid = ConfigDict()  # a watch over the samples: a quick FID, in training
    config.fid.every = 0  # steps between two; 0 for none
    config.fid.width = 768  # of Inception's features: 64, 192, 768 or 2048
    config.fid.samples = 2048  # and as many training images
    config.fid.jump = 1.5  # times the best so far: the alarm is raised
    config.fid.inception = ""  # file of Inception's weights; "" for where they are downloaded to

    config.scores = ()  # taken and printed at the end: "labels"
    return config.lock()


def validate(config: ConfigDict) -> None:
    """Checks a configuration before anything is built.

    Raises:
      ConfigError: names the field, what it holds and what would be right.
    """
    _check_fields(config.to_dict(), default_config().to_dict())
    _check_choices(config)
    _check_ranges(config)
    _check_model(config.model)
    _check_rematerialization(config)


def default_of(name: str) -> Any:
    """The default of the field with a dotted name, such as "model.z_dim".

    Raises:
      ConfigError: names what is not a field and the nearest that is.
    """
    known, prefix = default_config().to_dict(), ""
    for part in name.split("."):
        _check_name(part, known if isinstance(known, Mapping) else {}, prefix)
        known, prefix = known[part], f"{prefix}{part}."
    return known


def _check_name(name: str, known: Mapping[str, Any], prefix: str) -> None:
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(known)}"
    if not known:
        hint = f"config.{prefix[:-1]} is a value, without fields"
    raise ConfigError(f"config.{prefix}{name} is not a field; {hint}")


def _check_fields(config: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> None:
    for name in config:
        _check_name(name, known, prefix)
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


def _check_choices(config: ConfigDict) -> None:
    model = config.model
    choices = {
        "family": (config.family, FAMILIES),
        "model.image_size": (model.image_size, tuple(MULTIPLIERS)),
        "model.image_channels": (model.image_channels, (1, 3)),
        "model.prior": (model.prior, PRIORS),
        "model.dtype": (model.dtype, DTYPES),
        "model.encoder.trunk": (model.encoder.trunk, ("none", *TRUNKS)),
        "model.encoder.head": (model.encoder.head, HEADS),
        "data.augmentation": (config.data.augmentation, tuple(AUGMENTATIONS)),
        "probe.augmentation": (config.probe.augmentation, tuple(AUGMENTATIONS)),
        "fid.width": (config.fid.width, TAPS),
        "checkpoint.best_mode": (config.checkpoint.best_mode, ("min", "max")),
    }
    choices |= {f"model.terms[{i}]": (term, TERMS) for i, term in enumerate(model.terms)}
    recomputed = config.training.rematerialize
    choices |= {f"training.rematerialize[{i}]": (n, NETWORKS) for i, n in enumerate(recomputed)}
    choices |= {f"scores[{i}]": (score, SCORES) for i, score in enumerate(config.scores)}
    for field, (value, allowed) in choices.items():
        if value not in allowed:
            listed = ", ".join(map(repr, allowed))
            raise ConfigError(f"config.{field} is {value!r}; it must be one of {listed}")
    if not model.terms or len(set(model.terms)) < len(model.terms):
        raise ConfigError(
            f"config.model.terms is {model.terms!r}; it must name each term in play once, "
            f"out of {', '.join(TERMS)}"
        )


def _check_ranges(config: ConfigDict) -> None:
    positive = ("steps", "batch_size", "model.z_dim", "model.encoder.width")
    positive += tuple(f"model.generator.{name}" for name in config.model.generator)
    positive += tuple(f"model.discriminator.{name}" for name in config.model.discriminator)
    positive += ("model.encoder.head_width", "training.d_steps", "training.adam_eps")
    positive += ("training.gradient_accumulation",)
    positive += tuple(f"training.learning_rate.{name}" for name in config.training.learning_rate)
    positive += ("training.max_skipped_in_a_row", "checkpoint.every", "checkpoint.keep_last")
    positive += tuple(f"log.{name}" for name in config.log)
    positive += ("probe.steps", "probe.batch_size")
    flat = dict(_flatten(config.to_dict()))
    for field in positive:
        if not flat[field] > 0:
            raise ConfigError(f"config.{field} is {flat[field]!r}; it must be positive")
    for field in ("data.workers", "checkpoint.keep_every", "probe.every", "fid.every", "seed"):
        if flat[field] < 0:
            raise ConfigError(f"config.{field} is {flat[field]!r}; it must not be negative")
    for field in ("training.adam_b2", "training.ema_decay"):
        if not 0 <= flat[field] < 1:
            raise ConfigError(f"config.{field} is {flat[field]!r}; it must be in [0, 1)")
    if flat["fid.samples"] < 2:
        raise ConfigError(f"config.fid.samples is {flat['fid.samples']!r}; it must be at least 2")
    if not flat["fid.jump"] > 1:
        raise ConfigError(f"config.fid.jump is {flat['fid.jump']!r}; it must be greater than 1")
    if not 0 <= flat["data.max_damaged_share"] <= 1:
        share = flat["data.max_damaged_share"]
        raise ConfigError(f"config.data.max_damaged_share is {share!r}; it must be in [0, 1]")


def _flatten(config: Mapping[str, Any], prefix: str = ""):
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _check_model(model: ConfigDict) -> None:
    encoder = model.encoder
    chunks = z_chunks(model.image_size)
    if model.z_dim % chunks:
        raise ConfigError(
            f"config.model.z_dim is {model.z_dim}; at {model.image_size} px G splits z into "
            f"{chunks} equal chunks, so it must be a multiple of {chunks}"
        )
    for network in ("generator", "discriminator"):
        channels = model[network].channels
        if model.image_size >= 64 and channels < 8:
            raise ConfigError(
                f"config.model.{network}.channels is {channels}; from 64 px on it must be at least "
                "8, as self-attention works on an eighth of the channels"
            )
    if encoder.trunk == "none":
        if tuple(model.terms) != ("x",):
            raise ConfigError(
                f"config.model.terms is {model.terms!r}; without an encoder "
                "(model.encoder.trunk='none') it must be ('x',)"
            )
        return
    if encoder.trunk.startswith("revnet") and CHANNELS * encoder.width % 8:
        raise ConfigError(
            f"config.model.encoder.width is {encoder.width}; a RevNet begins with {CHANNELS} times "
            "as many channels, which must be a multiple of 8: the inside of a unit has an eighth"
        )
    elif encoder.width < 1 / 64:
        raise ConfigError(
            f"config.model.encoder.width is {encoder.width}; it must be at least 1/64, as the "
            "trunk begins with 64 times as many channels"
        )
    if not {"z", "xz"} & set(model.terms) or not {"x", "xz"} & set(model.terms):
        raise ConfigError(
            f"config.model.terms is {model.terms!r}, which leaves E or G without a gradient; add "
            "'xz', or for a GAN without encoder set model.encoder.trunk='none'"
        )
    if encoder.image_size not in [model.image_size * factor for factor in (1, 2, 4)]:
        raise ConfigError(
            f"config.model.encoder.image_size is {encoder.image_size}; it must be 1, 2 or 4 times "
            f"model.image_size, {model.image_size}"
        )
    if TRUNKS[encoder.trunk].keywords["imagenet_stem"] and encoder.image_size < 32:
        raise ConfigError(
            f"config.model.encoder.trunk is {encoder.trunk!r}, whose stem needs images of 32 px or "
            f"more; for {encoder.image_size} px use 'resnet18' or 'revnet14'"
        )
    if model.prior == "uniform" and encoder.head != "deterministic":
        raise ConfigError(
            f"config.model.encoder.head is {encoder.head!r}; under the uniform prior it must be "
            "'deterministic'"
        )


def _check_rematerialization(config: ConfigDict) -> None:
    trunk = config.model.encoder.trunk
    if "encoder" in config.training.rematerialize and not trunk.startswith("resnet"):
        raise ConfigError(
            f"config.training.rematerialize has 'encoder', but model.encoder.trunk is {trunk!r}; "
            "it is for ResNets (a RevNet recomputes its units anyway)"
        )
