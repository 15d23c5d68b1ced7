"""Every field of a configuration with its default.

A file in `configs/` takes `default_config()` and changes what differs. The default is the
released ResNet-50 model of the paper (arXiv 1907.02544, Table 1, "ResNet ↑E LR").
"""

import copy
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from bigbigan_jax.config.errors import ConfigError, check_name

# Families, and the architectures that each can train; the first is its default.
FAMILIES = {
    "bigbigan": ("bigbigan", "mlp"),
    "bigan": ("mlp", "alexnet", "ali_cifar10", "ali_svhn"),
}

TRAINING = {
    "bigbigan": {
        "d_steps": 2,  # D updates a step, each on a fresh batch
        "learning_rate": {"discriminator": 2e-4, "generator": 5e-5, "encoder": 5e-4},
        "final_rate_share": 1.0,  # of these at the end, reached linearly; 1 for constant rates
        "adam_b2": 0.999,
        "adam_eps": 1e-8,
        "ema_decay": 0.9999,  # of the weights of G and E used in evaluation
        "views": {  # how E and D see images, each on its own; all 0 for as they are
            "shift": 0.0,  # as a share of the side
            "rotation": 0.0,  # degrees
            "scale": 0.0,  # logarithm of the factor
            "shear": 0.0,
            "instance_noise": 0.0,  # standard deviation, to D alone
        },
        "shard_weights": True,  # split weights, optimiser states and EMA over the devices
        "gradient_accumulation": 1,  # parts of a batch; BatchNorm then sees only a part
        "rematerialize": (),  # networks to recompute in the backward pass: less memory
        "steps_at_once": 1,  # in one program; more than one needs data.on_device
        "max_skipped_in_a_row": 100,  # non-finite steps before the run gives up
    },
    "bigan": {
        "objective": "bigan",  # or a baseline, of OBJECTIVES
        "learning_rate": 2e-4,  # in the first half of the steps
        "final_learning_rate": 2e-6,  # reached at the end, exponentially
        "adam_b1": 0.5,
        "adam_b2": 0.999,
        "adam_eps": 1e-8,
        "weight_decay": 2.5e-5,  # L2, added to the gradient
        "ema_decay": 0.0,  # of the weights used in evaluation; 0 for the weights themselves
        "statistics_batches": 1000,  # over which BatchNorm's statistics are re-estimated
        "shard_weights": False,
        "steps_at_once": 1,
        "max_skipped_in_a_row": 100,
    },
}

_ALI = {
    "image_size": 32,
    "image_channels": 3,
    "z_dim": 64,
    "prior": "normal",
    "terms": ("xz",),
    "dtype": "float32",
    "width": 1.0,  # factor on the channels of all hidden layers
    "encoder": {"head": "stochastic"},
}
MODELS = {
    "bigbigan": {
        "architecture": "bigbigan",
        "image_size": 128,  # of G and D
        "image_channels": 3,
        "z_dim": 120,
        "prior": "normal",  # or "uniform", with a deterministic encoder
        "terms": ("x", "z", "xz"),  # of the objective
        "dtype": "bfloat16",  # of the computation; weights are float32
        "generator": {"channels": 96, "embedding_dim": 128},
        "discriminator": {"channels": 96, "mlp_width": 2048},
        "encoder": {
            "trunk": "resnet50",  # "none" for a plain unconditional BigGAN
            "width": 1.0,
            "image_size": 256,  # image_size times 1, 2 or 4
            "head": "stochastic",  # or "deterministic"
            "head_width": 4096,
        },
    },
    "mlp": {
        "architecture": "mlp",
        "image_size": 28,
        "image_channels": 1,
        "z_dim": 50,
        "prior": "uniform",  # or "normal"
        "terms": ("xz",),  # what D scores; () for none, in an autoencoder
        "dtype": "float32",
        "width": 1024,  # units of the hidden layers
        "spectral_norm": False,  # of D, which is then without BatchNorm
        "encoder": {
            "head": "deterministic",  # or "stochastic", or "none" for a plain GAN
            "zero_output": False,  # whether the output layer starts at zero
        },
    },
    "alexnet": {
        "architecture": "alexnet",
        "image_size": 64,  # of G and D; a multiple of 16
        "image_channels": 3,
        "z_dim": 200,
        "prior": "uniform",  # or "normal"
        "terms": ("xz",),  # what D scores; or ("x",)
        "dtype": "float32",
        "width": 1.0,  # factor on the channels of all networks
        "encoder": {
            "image_size": 64,  # image_size or more
            "head": "deterministic",  # or "none" for a plain GAN
            "zero_output": False,  # whether the output layer starts at zero
        },
    },
    "ali_cifar10": {**_ALI, "architecture": "ali_cifar10"},
    "ali_svhn": {**_ALI, "architecture": "ali_svhn", "z_dim": 256},
}


def default_config(family: str = "bigbigan", architecture: str = "") -> ConfigDict:
    """The defaults of a family; of "bigbigan" the released ResNet-50 model, at the paper's length.

    Args:
      family: a key of `FAMILIES`.
      architecture: one of those of the family; "" for its first.

    Raises:
      ConfigError: there is no such family, or the architecture is not one of it.
    """
    for field, name, known in (
        ("family", family, tuple(FAMILIES)),
        ("model.architecture", architecture, ("", *FAMILIES.get(family, ()))),
    ):
        if name not in known:
            listed = ", ".join(repr(choice) for choice in known if choice)
            raise ConfigError(f"config.{field} is {name!r}; it must be one of {listed}")
    config = ConfigDict()
    config.family = family  # "bigbigan", or "bigan" and its baselines
    config.seed = 0
    config.steps = 500_000
    config.batch_size = 2048  # over all devices of all hosts

    model, training = MODELS[architecture or FAMILIES[family][0]], TRAINING[family]
    config.model = ConfigDict(copy.deepcopy(model))
    config.training = ConfigDict(copy.deepcopy(training))

    config.data = ConfigDict()
    config.data.name = "imagenet2012"  # "digits", or any TFDS name
    config.data.split = "train"
    config.data.eval_split = "validation"  # for reconstruction sheets and scores; "" for none
    config.data.data_dir = ""  # "" for TFDS's default
    config.data.augmentation = "resnet"
    config.data.on_device = False  # keep the whole set on the devices; with augmentation "none"
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


def default_of(name: str) -> Any:
    """The default of the field with a dotted name, such as "model.z_dim", in any family.

    Of a field that several have it is that of the first.

    Raises:
      ConfigError: names what is not a field and the nearest that is.
    """
    known, prefix = _all_fields(), ""
    for part in name.split("."):
        check_name(part, known if isinstance(known, Mapping) else {}, prefix)
        known, prefix = known[part], f"{prefix}{part}."
    return known


def _all_fields() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for family, architectures in FAMILIES.items():
        for architecture in architectures:
            fields = _merged(fields, default_config(family, architecture).to_dict())
    return fields


def _merged(first: Any, second: Any) -> Any:
    """`first`, and what `second` has besides."""
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return first
    both = {name: _merged(first[name], second[name]) for name in first.keys() & second.keys()}
    return {**second, **first, **both}
