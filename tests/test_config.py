"""Configurations: the defaults and the files are whole, and what is wrong is named."""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from absl import flags
from ml_collections import config_flags

from bigbigan_jax.config import ConfigError, default_config, default_of, validate
from bigbigan_jax.models.generator import MULTIPLIERS, z_chunks
from bigbigan_jax.training.probing import Probing
from bigbigan_jax.training.run import build_family

# ml_collections loads configuration files in a way that Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

FILES = sorted((Path(__file__).parents[1] / "configs").glob("*.py"))
BIGAN_MNIST = next(path for path in FILES if path.stem == "bigan_mnist")


def change(config, field, value):
    *sections, name = field.split(".")
    for section in sections:
        config = config[section]
    with config.unlocked(), config.ignore_type():
        config[name] = value


def test_defaults_are_valid():
    validate(default_config())


def test_defaults_are_the_released_model():
    config = default_config()
    assert (config.batch_size, config.steps, config.training.d_steps) == (2048, 500_000, 2)
    assert config.training.learning_rate.to_dict() == {
        "discriminator": 2e-4,
        "generator": 5e-5,
        "encoder": 5e-4,
    }
    assert (config.training.adam_b2, config.training.ema_decay) == (0.999, 0.9999)
    assert (config.model.image_size, config.model.encoder.image_size) == (128, 256)


def file_and_rows():
    """Each file in configs/, or each row of it where it has rows."""
    for path in FILES:
        rows = runpy.run_path(str(path)).get("ROWS")
        for row in rows or [None]:
            yield pytest.param(path, row, id=f"{path.stem}:{row}" if row else path.stem)


@pytest.mark.parametrize("path, row", list(file_and_rows()))
def test_file_is_valid_and_one_training_step_traces(path, row):
    config = runpy.run_path(str(path))["get_config"](*[row] if row else [])
    validate(config)
    family = build_family(config)
    shape = (family.batches_per_step, 4, *[family.image_size] * 2, family.image_channels)
    batch = {"image": jax.ShapeDtypeStruct(shape, jnp.uint8)}
    key = jax.random.key(0)
    state = jax.eval_shape(family.init, key)
    new, metrics = jax.eval_shape(family.update, state, batch, key)
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)
    assert config.checkpoint.best_metric in {
        "",
        *metrics,
        *jax.eval_shape(family.monitor, state, batch, key),
        *(Probing.metrics if config.probe.every else ()),
    }


WRONG = [
    ("family", "gan", "'bigbigan'"),
    ("model.image_size", 100, "8, 16, 32, 64, 128, 256"),
    ("model.image_channels", 4, "1, 3"),
    ("model.prior", "gaussian", "'normal', 'uniform'"),
    ("model.dtype", "float16", "'bfloat16'"),
    ("model.terms", ("x", "y"), "'x', 'z', 'xz'"),
    ("model.terms", (), "each term in play once"),
    ("model.terms", ("x", "x"), "each term in play once"),
    ("model.terms", ("x",), "add 'xz'"),
    ("model.terms", ("z",), "add 'xz'"),
    ("model.z_dim", 100, "multiple of 6"),
    ("model.z_dim", 120.0, "type int"),
    ("model.generator.channels", 0, "positive"),
    ("model.generator.channels", 4, "at least 8"),
    ("model.discriminator.channels", 4, "at least 8"),
    ("model.discriminator.mlp_width", -1, "positive"),
    ("model.encoder.trunk", "vgg", "'resnet50'"),
    ("model.encoder.trunk", "none", "('x',)"),
    ("model.encoder.image_size", 384, "1, 2 or 4 times model.image_size, 128"),
    ("model.encoder.head", "noisy", "'stochastic', 'deterministic'"),
    ("model.encoder.width", 0.0, "positive"),
    ("model.encoder.width", 0.001, "at least 1/64"),
    ("training.rematerialize", ("critic",), "'generator', 'encoder', 'discriminator'"),
    ("training.gradient_accumulation", 0, "positive"),
    ("batch_size", 0, "positive"),
    ("batch_size", "many", "type int"),
    ("steps", True, "type int"),
    ("seed", -1, "negative"),
    ("training.d_steps", 0, "positive"),
    ("training.learning_rate.encoder", -1e-4, "positive"),
    ("training.learning_rate.encoder", float("nan"), "positive"),
    ("training.learning_rate", 1e-4, "type dict"),
    ("training.adam_b2", 1.0, "[0, 1)"),
    ("training.ema_decay", 1.5, "[0, 1)"),
    ("training.final_rate_share", 0.0, "positive"),
    ("training.views.shift", -0.1, "negative"),
    ("training.views.instance_noise", float("nan"), "negative"),
    ("data.augmentation", "cutout", "'resnet'"),
    ("data.workers", -1, "negative"),
    ("data.max_damaged_share", 1.1, "[0, 1]"),
    ("data.max_damaged_share", float("nan"), "[0, 1]"),
    ("data.name", None, "type str"),
    ("checkpoint.best_mode", "most", "'min', 'max'"),
    ("checkpoint.keep_last", 0, "positive"),
    ("log.every", 0, "positive"),
    ("scores", ("fid",), "'labels'"),
    ("fid.width", 100, "64, 192, 768, 2048"),
    ("fid.jump", 1.0, "greater than 1"),
    ("fid.every", -1, "not be negative"),
]


WRONG_BIGAN = [
    ("family", "gan", "'bigbigan', 'bigan'"),
    ("model.architecture", "bigbigan", "'mlp'"),
    ("model.width", 0, "positive"),
    ("model.encoder.head", "none", "for the objective 'bigan' it must have an encoder"),
    ("model.terms", ("x",), "for the objective 'bigan' it must be ('xz',)"),
    ("model.prior", "gaussian", "'normal', 'uniform'"),
    ("model.encoder.head", "stochastic", "'deterministic'"),
    ("training.objective", "vae", "'latent_regressor'"),
    ("training.learning_rate", 0.0, "positive"),
    ("training.learning_rate", {"encoder": 1e-4}, "type float"),
    ("training.weight_decay", -1.0, "negative"),
    ("training.adam_b1", 1.0, "[0, 1)"),
    ("training.d_steps", 2, "not a field"),
    ("data.augmentation", "resnet", "must be 'none'"),
    ("data.on_device", False, "training.steps_at_once is 625"),
    ("checkpoint.every", 1000, "multiple of training.steps_at_once, 625"),
]


@pytest.mark.parametrize("field, value, remedy", WRONG_BIGAN, ids=lambda value: str(value)[:30])
def test_wrong_value_of_bigan_is_named_with_its_remedy(field, value, remedy):
    config = runpy.run_path(str(BIGAN_MNIST))["get_config"]("bigan")
    validate(config)
    change(config, field, value)
    with pytest.raises(ConfigError) as error:
        validate(config)
    message = str(error.value)
    assert remedy in message and "\n" not in message
    assert field in message or remedy.startswith("training.steps_at_once")


@pytest.mark.parametrize("row, field, value, remedy", [
    ("d", "model.encoder.head", "deterministic", "for the objective 'gan' it must be 'none'"),
    ("lr", "model.prior", "normal", "must be 'uniform'"),
    ("ae_l1", "model.terms", ("xz",), "it must be ()"),
])  # fmt: skip
def test_baselines_need_what_they_need(row, field, value, remedy):
    config = runpy.run_path(str(BIGAN_MNIST))["get_config"](row)
    change(config, field, value)
    with pytest.raises(ConfigError) as error:
        validate(config)
    assert field in str(error.value) and remedy in str(error.value)


@pytest.mark.parametrize("row, field, value, remedy", [
    ("bigan", "model.image_size", 56, "multiple of 16"),
    ("bigan", "model.width", 0.0, "positive"),
    ("bigan", "model.encoder.image_size", 48, "at least model.image_size, 64"),
    ("bigan", "model.encoder.head", "stochastic", "'none', 'deterministic'"),
    ("bigan", "model.encoder.head", "none", "for the objective 'bigan' it must have an encoder"),
    ("bigan", "training.objective", "autoencoder_l2", "'latent_regressor'"),
    ("e112", "model.encoder.image_size", 112, "a latent regressor sees G's images"),
])  # fmt: skip
def test_wrong_value_of_bigan_s_alexnet_is_named_with_its_remedy(row, field, value, remedy):
    config = runpy.run_path(str(BIGAN_MNIST.with_stem("bigan_imagenet")))["get_config"](row)
    if "regressor sees" in remedy:
        config.training.objective, config.model.terms = "latent_regressor", ("x",)
    change(config, field, value)
    with pytest.raises(ConfigError) as error:
        validate(config)
    assert field in str(error.value) and remedy in str(error.value)


def test_bigbigan_s_objective_on_perceptrons_needs_spectral_norm():
    config = default_config("bigbigan", "mlp")
    config.model.update({"terms": ("x", "z", "xz")})
    with pytest.raises(ConfigError, match="model.spectral_norm=True"):
        validate(config)
    config.model.spectral_norm = True
    validate(config)


@pytest.mark.parametrize("field, value, remedy", WRONG, ids=lambda value: str(value)[:30])
def test_wrong_value_is_named_with_its_remedy(field, value, remedy):
    config = default_config()
    change(config, field, value)
    with pytest.raises(ConfigError) as error:
        validate(config)
    # Where two fields contradict each other the message names both.
    assert field in str(error.value) and remedy in str(error.value)
    assert "\n" not in str(error.value)


def test_uniform_prior_needs_a_deterministic_head():
    config = default_config()
    config.model.prior = "uniform"
    with pytest.raises(ConfigError, match="model.encoder.head is 'stochastic'.*'deterministic'"):
        validate(config)
    config.model.encoder.head = "deterministic"
    validate(config)


def test_a_revnet_is_not_told_to_recompute():
    config = default_config()
    config.model.encoder.trunk = "revnet50"
    config.training.rematerialize = ("encoder",)
    with pytest.raises(ConfigError, match="rematerialize has 'encoder'.*'revnet50'"):
        validate(config)


def test_channels_of_a_revnet_divide_by_eight():
    config = default_config()
    config.model.encoder.update({"trunk": "revnet50", "width": 1 / 64})
    with pytest.raises(ConfigError, match="model.encoder.width is .*multiple of 8"):
        validate(config)
    config.model.encoder.width = 1 / 32
    validate(config)


def test_trunks_with_a_stem_need_large_images():
    config = default_config()
    config.model.image_size = config.model.encoder.image_size = 16
    with pytest.raises(ConfigError, match="model.encoder.trunk is 'resnet50'.*'resnet18'"):
        validate(config)


def test_without_an_encoder_its_other_fields_do_not_matter():
    config = default_config()
    config.model.terms, config.model.encoder.trunk = ("x",), "none"
    config.model.encoder.image_size = 100
    validate(config)


@pytest.mark.parametrize("size", MULTIPLIERS)
def test_every_size_has_a_valid_configuration(size):
    config = default_config()
    config.model.image_size = config.model.encoder.image_size = size
    config.model.z_dim = 20 * z_chunks(size)
    config.model.encoder.trunk = "resnet18"
    validate(config)


@pytest.mark.parametrize("field, near", [
    ("batchsize", "batch_size"),
    ("training.learning_rate.generater", "training.learning_rate.generator"),
    ("model.encoder.hed", "model.encoder.head"),
])  # fmt: skip
def test_unknown_field_is_named_with_the_nearest(field, near):
    config = default_config()
    change(config, field, 1)
    with pytest.raises(ConfigError, match=f"config.{field} is not a field.*{near}"):
        validate(config)


def test_unknown_field_cannot_be_set_by_mistake():
    with pytest.raises(AttributeError, match="batch_size"):
        default_config().batchsize = 3


def test_missing_field_is_named_with_its_default():
    config = default_config()
    with config.unlocked():
        del config.log.every
    with pytest.raises(ConfigError, match="config.log.every is missing; the default is 100"):
        validate(config)


@pytest.fixture
def parse(monkeypatch):
    """Parses a command line as main.py does."""

    def parse(*arguments):
        values = flags.FlagValues()
        holder = config_flags.DEFINE_config_file("config", flag_values=values)
        path = next(path for path in FILES if path.stem == "digits")
        argv = ["main.py", f"--config={path}", *arguments]
        monkeypatch.setattr("sys.argv", argv)  # ml_collections looks there for fields
        values(argv)
        return holder.value

    return parse


def test_flags_override_fields_and_keep_their_types(parse):
    config = parse(
        "--config.batch_size=32",
        "--config.training.learning_rate.generator=1",
        "--config.data.name=cifar10",
        "--config.model.terms=('x', 'xz')",
        "--config.scores=()",
    )
    validate(config)
    assert config.batch_size == 32 and config.data.name == "cifar10"
    assert isinstance(config.training.learning_rate.generator, float)
    assert config.model.terms == ("x", "xz") and config.scores == ()


@pytest.mark.parametrize("argument", ["--config.batch_size=many", "--config.batch_size=1.5"])
def test_flags_of_the_wrong_type_are_refused(parse, argument):
    with pytest.raises((flags.IllegalFlagValueError, TypeError, ValueError)):
        parse(argument)


def test_flags_of_unknown_fields_are_refused(parse):
    with pytest.raises((AttributeError, KeyError), match="batchsize"):
        parse("--config.batchsize=32")


@pytest.mark.parametrize("name, default", [
    ("batch_size", 2048),
    ("training.learning_rate.encoder", 5e-4),
    ("model.generator", {"channels": 96, "embedding_dim": 128}),
])  # fmt: skip
def test_default_of_a_dotted_name(name, default):
    assert default_of(name) == default


@pytest.mark.parametrize("name, remedy", [
    ("batchsize", "did you mean batch_size?"),
    ("model.z_dims", "did you mean model.z_dim?"),
    ("steps.first", "config.steps is a value"),
])  # fmt: skip
def test_default_of_what_is_no_field(name, remedy):
    with pytest.raises(ConfigError) as error:
        default_of(name)
    assert remedy in str(error.value)
