"""What a model must be, by its architecture."""

from collections.abc import Callable

from ml_collections import ConfigDict

from bigbigan_jax.config.errors import ConfigError
from bigbigan_jax.models import alexnet, ali
from bigbigan_jax.models.dcgan import REDUCTION
from bigbigan_jax.models.discriminator import TERMS
from bigbigan_jax.models.encoder import HEADS, TRUNKS
from bigbigan_jax.models.generator import MULTIPLIERS, z_chunks
from bigbigan_jax.models.revnet import CHANNELS

_COMMON = {
    "model.image_channels": (1, 3),
    "model.prior": ("normal", "uniform"),
    "model.dtype": ("float32", "bfloat16"),
}
_ALI = _COMMON | {
    "model.image_size": (ali.IMAGE_SIZE,),
    "model.prior": ("normal",),
    "model.encoder.head": ("stochastic",),
}
MODEL_CHOICES = {
    "bigbigan": _COMMON
    | {
        "model.image_size": tuple(MULTIPLIERS),
        "model.encoder.trunk": ("none", *TRUNKS),
        "model.encoder.head": HEADS,
    },
    "mlp": _COMMON | {"model.encoder.head": ("none", *HEADS)},
    "alexnet": _COMMON | {"model.encoder.head": ("none", *alexnet.HEADS)},
    **dict.fromkeys(ali.TABLES, _ALI),
}

# What the objectives of the family "bigan" need: terms of D, and whether there is an encoder.
OBJECTIVES = {
    "bigan": (("xz",), True),
    "gan": (("x",), False),
    "latent_regressor": (("x",), True),
    "joint_latent_regressor": (("x",), True),
    "autoencoder_l2": ((), True),
    "autoencoder_l1": ((), True),
}


def _check_bigbigan(config: ConfigDict) -> None:
    model, encoder = config.model, config.model.encoder
    _check_terms(model)
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
    _check_rematerialization(config)
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
    _check_both_get_gradients(model, "model.encoder.trunk")
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
    _check_prior(model)


def _check_rematerialization(config: ConfigDict) -> None:
    trunk = config.model.encoder.trunk
    if "encoder" in config.training.rematerialize and not trunk.startswith("resnet"):
        raise ConfigError(
            f"config.training.rematerialize has 'encoder', but model.encoder.trunk is {trunk!r}; "
            "it is for ResNets (a RevNet recomputes its units anyway)"
        )


def _check_mlp(config: ConfigDict) -> None:
    model = config.model
    if config.family == "bigan":
        _check_objective(config, has_encoder=model.encoder.head != "none")
    else:
        _check_terms(model)
        if model.encoder.head == "none" or not model.spectral_norm:
            raise ConfigError(
                "config.model: BigBiGAN's objective needs an encoder and model.spectral_norm=True"
            )
        _check_both_get_gradients(model, "model.encoder.head")
    if model.encoder.head != "none":
        _check_prior(model)


def _check_alexnet(config: ConfigDict) -> None:
    model, encoder, objective = config.model, config.model.encoder, config.training.objective
    if not OBJECTIVES[objective][0]:
        known = ", ".join(repr(name) for name, (terms, _) in OBJECTIVES.items() if terms)
        raise ConfigError(
            f"config.training.objective is {objective!r}; with model.architecture='alexnet' it "
            f"must be one of {known}"
        )
    if model.image_size < REDUCTION or model.image_size % REDUCTION:
        raise ConfigError(
            f"config.model.image_size is {model.image_size}; G doubles sides four times, so it "
            f"must be a multiple of {REDUCTION}"
        )
    _check_objective(config, has_encoder=encoder.head != "none")
    if encoder.head == "none":
        return
    if encoder.image_size < model.image_size:
        raise ConfigError(
            f"config.model.encoder.image_size is {encoder.image_size}; it must be at least "
            f"model.image_size, {model.image_size}"
        )
    if "latent" in objective and encoder.image_size != model.image_size:
        raise ConfigError(
            f"config.model.encoder.image_size is {encoder.image_size}; a latent regressor sees G's "
            f"images, so it must be model.image_size, {model.image_size}"
        )


def _check_ali(config: ConfigDict) -> None:
    if config.training.objective != "bigan":
        raise ConfigError(
            f"config.training.objective is {config.training.objective!r}; networks of ALI have "
            "'bigan' alone"
        )
    _check_objective(config, has_encoder=True)


def _check_objective(config: ConfigDict, has_encoder: bool) -> None:
    objective, terms = config.training.objective, tuple(config.model.terms)
    right, needs_encoder = OBJECTIVES[objective]
    if terms != right:
        raise ConfigError(
            f"config.model.terms is {terms!r}; for the objective {objective!r} it must be {right!r}"
        )
    if has_encoder != needs_encoder:
        right = "have an encoder" if needs_encoder else "be 'none': it has no encoder"
        raise ConfigError(
            f"config.model.encoder.head is {config.model.encoder.head!r}; for the objective "
            f"{objective!r} it must {right}"
        )
    if "latent" in objective and config.model.prior != "uniform":
        raise ConfigError(
            f"config.model.prior is {config.model.prior!r}; a latent regressor's cross-entropy is "
            "of latents in (-1, 1), so it must be 'uniform'"
        )


def _check_terms(model: ConfigDict) -> None:
    if not model.terms or len(set(model.terms)) < len(model.terms):
        raise ConfigError(
            f"config.model.terms is {model.terms!r}; it must name each term in play once, "
            f"out of {', '.join(TERMS)}"
        )


def _check_both_get_gradients(model: ConfigDict, without: str) -> None:
    if not {"z", "xz"} & set(model.terms) or not {"x", "xz"} & set(model.terms):
        raise ConfigError(
            f"config.model.terms is {model.terms!r}, which leaves E or G without a gradient; add "
            f"'xz', or for a GAN without encoder set {without}='none'"
        )


def _check_prior(model: ConfigDict) -> None:
    encoder = model.encoder
    if model.prior == "uniform" and encoder.head != "deterministic":
        raise ConfigError(
            f"config.model.encoder.head is {encoder.head!r}; under the uniform prior it must be "
            "'deterministic'"
        )


CHECKS: dict[str, Callable[[ConfigDict], None]] = {
    "bigbigan": _check_bigbigan,
    "mlp": _check_mlp,
    "alexnet": _check_alexnet,
    **dict.fromkeys(ali.TABLES, _check_ali),
}
