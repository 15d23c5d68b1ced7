"""ALI's networks: the sizes of the paper's tables, and what they compute."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bigbigan_jax.config import ConfigError, default_config, validate
from bigbigan_jax.models import ali
from bigbigan_jax.models.architectures import build_networks
from bigbigan_jax.models.standing_statistics import discriminator_statistics
from bigbigan_jax.training.bigan_step import SimultaneousStep
from bigbigan_jax.training.state import TrainState

KEY = jax.random.key(0)
X = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
ARCHITECTURES = ("ali_cifar10", "ali_svhn")


def small(architecture, **changes):
    model = default_config("bigan", architecture).model.to_dict()
    return build_networks({**model, "width": 1 / 16, "z_dim": 5, **changes})


@functools.cache
def variables_of(architecture):
    networks = small(architecture)
    keys = dict.fromkeys(networks.names, KEY)
    return networks, jax.jit(networks.init)(keys)


def sizes(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def kernels(channels, size_and_out):
    total = 0
    for size, out in size_and_out:
        total, channels = total + size * size * channels * out, out
    return total


E_LAYERS = [(5, 32), (4, 64), (4, 128), (4, 256), (4, 512), (1, 512)]
G_LAYERS = [(4, 256), (4, 128), (4, 64), (4, 32), (5, 32), (1, 32)]


def encoder_and_generator(z_dim):
    return {
        "encoder": kernels(3, [*E_LAYERS, (1, 2 * z_dim)])
        + 2 * (32 + 64 + 128 + 256 + 512 + 512)  # BatchNorm
        + 2 * z_dim,
        "generator": kernels(z_dim, [*G_LAYERS, (1, 3)])
        + 2 * (256 + 128 + 64 + 32 + 32 + 32)
        + 32 * 32 * 3,
    }


DISCRIMINATORS = {
    "ali_cifar10": 25 * 3 * 32 + 32  # maxout halves what every layer gives
    + 16 * (16 * 64 + 32 * 128 + 64 * 256 + 128 * 512)
    + 64 * 512 + 256 * 512
    + (256 + 256) * 1024 + 1024 + 512 * 1024 + 1024 + 512 + 1,
    "ali_svhn": 25 * 3 * 32 + 32
    + 16 * (32 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 2 * (64 + 128 + 256 + 512)
    + 256 * 512 + 512 * 512
    + (512 + 512) * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 + 1,
}  # fmt: skip


@pytest.mark.parametrize("architecture, z_dim", [("ali_cifar10", 64), ("ali_svhn", 256)])
def test_sizes_are_those_of_the_paper(architecture, z_dim):
    networks = build_networks(default_config("bigan", architecture).model.to_dict())
    variables = jax.eval_shape(networks.init, dict.fromkeys(networks.names, KEY))
    found = {name: sizes(value["params"]) for name, value in variables.items()}
    assert found == {
        **encoder_and_generator(z_dim),
        "discriminator": DISCRIMINATORS[architecture],
    }
    assert ("batch_stats" in variables["discriminator"]) == (architecture == "ali_svhn")
    encoded = jax.eval_shape(networks.encode, variables, jax.ShapeDtypeStruct(X.shape, X.dtype))
    assert encoded.avepool_feat.shape == (4, 4 * 4 * 256 + 512 + 512 + z_dim)


def test_initial_values():
    init = ali.Dense(1000, kernel_init=ali._normal).init(KEY, np.zeros((1, 100)))
    kernel = init["params"]["kernel"]
    assert abs(kernel.mean()) < 1e-4 and kernel.std() == pytest.approx(0.01, rel=0.01)


def test_channels_are_even():
    assert [ali.scaled(32, width) for width in (1, 1.5, 1 / 8, 1 / 100)] == [32, 48, 4, 2]


def test_maxout_takes_the_larger_of_neighbours():
    x = jnp.asarray([[1.0, 2, 4, 3, -1, -2]])
    np.testing.assert_array_equal(ali.maxout(x), [[2, 4, -1]])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_g_and_e_return(architecture):
    networks, variables = variables_of(architecture)
    # Larger weights than the initial ones, so that outputs spread.
    variables = jax.tree.map(lambda w: 30 * w if w.ndim == 4 else w, variables)
    z = 3 * np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    x = jax.jit(networks.generate)(variables, z)
    assert x.shape == (4, 32, 32, 3) and x.dtype == jnp.float32
    assert -1 <= x.min() < x.max() <= 1
    assert abs(x[0] - x[1]).max() > 0.01
    encoding = jax.jit(networks.encode)(variables, X)
    np.testing.assert_array_equal(encoding.z_mean, encoding.z_logits)
    np.testing.assert_array_equal(encoding.avepool_feat[:, -5:], encoding.z_mean)
    assert encoding.z_mean.shape == encoding.z_stdev.shape == (4, 5)
    assert (encoding.z_stdev > 0).all()
    drawn = encoding.sample(jax.random.key(1)), encoding.sample(jax.random.key(2))
    assert not np.allclose(*drawn)


def test_g_s_output_is_a_sigmoid_of_a_bias_a_pixel():
    networks, variables = variables_of("ali_cifar10")
    bias = np.linspace(-4, 4, 32 * 32 * 3, dtype=np.float32).reshape(32, 32, 3)
    params = {**variables["generator"]["params"], "output_bias": bias}
    params["output"] = {"kernel": np.zeros_like(params["output"]["kernel"])}
    variables = {"generator": {**variables["generator"], "params": params}}
    x = networks.generate(variables, np.zeros((1, 5), np.float32))
    np.testing.assert_allclose((x[0] + 1) / 2, 1 / (1 + np.exp(-bias)), atol=1e-6)


def test_standard_deviations_are_exponentials():
    networks, variables = variables_of("ali_svhn")
    bias = np.asarray([0, 0, 0, 0, 0, -2, -1, 0, 1, 2], np.float32)
    params = {**variables["encoder"]["params"]}
    params["output"] = {"kernel": np.zeros_like(params["output"]["kernel"]), "bias": bias}
    variables = {"encoder": {**variables["encoder"], "params": params}}
    np.testing.assert_allclose(
        networks.encode(variables, X).z_stdev[0], np.exp(bias[5:]), rtol=1e-6
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_d_drops_out_in_training_alone(architecture):
    networks, variables = variables_of(architecture)
    z = np.ones((4, 5), np.float32)
    variables = jax.tree.map(lambda w: 10 * w, variables["discriminator"])

    @functools.partial(jax.jit, static_argnums=1)
    def score(key, train):
        return networks.discriminator.apply(
            variables, X, z, train=train, rngs={"dropout": key}, mutable=["batch_stats"]
        )[0]["xz"]

    keys = jax.random.key(1), jax.random.key(2)
    one, other = (score(key, False) for key in keys)
    np.testing.assert_array_equal(one, other)
    assert one.shape == (4,)
    one, other = (score(key, True) for key in keys)
    assert not np.allclose(one, other)


def test_one_step_moves_all_three_and_normalises_pairs_together():
    networks, variables = variables_of("ali_svhn")
    optimizer = optax.sgd(0.1)
    step = SimultaneousStep(networks, dict.fromkeys(networks.names, optimizer), "bigan", 0.0)
    params = {name: value["params"] for name, value in variables.items()}
    batch_stats = {n: v["batch_stats"] for n, v in variables.items() if "batch_stats" in v}
    zero = jnp.zeros((), jnp.int32)
    state = TrainState(
        step=zero,
        params=params,
        opt_state={name: optimizer.init(value) for name, value in params.items()},
        batch_stats=batch_stats,
        spectral={},
        ema={},
        skipped=zero,
        skipped_in_a_row=zero,
    )
    seen = []
    apply = type(networks.discriminator).apply

    def spy(module, variables, *inputs, **options):
        seen.append([x.shape[0] for x in inputs])
        return apply(module, variables, *inputs, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ali.ALIDiscriminator, "apply", spy)
        new, metrics = jax.jit(step.__call__)(state, {"image": X[None]}, KEY)
    assert seen == [[8, 8]]  # real and generated pairs at once
    assert not metrics["skipped"] and np.isfinite(metrics["loss/D"])
    for name in networks.names:
        moved = jax.tree.map(lambda a, b: abs(a - b).max(), params[name], new.params[name])
        assert max(jax.tree.leaves(moved)) > 0


def test_statistics_of_a_d_that_drops_out():
    networks, variables = variables_of("ali_svhn")
    found = jax.jit(lambda x: discriminator_statistics(networks, variables, x))(X[None])
    same = variables["discriminator"]["batch_stats"]
    assert jax.tree.map(jnp.shape, found["batch_stats"]) == jax.tree.map(jnp.shape, same)


@pytest.mark.parametrize("field, value", [
    ("model.image_size", 64), ("model.prior", "uniform"), ("model.encoder.head", "deterministic"),
    ("model.terms", ("x",)), ("model.width", 0.0), ("training.objective", "gan"),
])  # fmt: skip
def test_what_networks_of_ali_cannot_be(field, value):
    config = default_config("bigan", "ali_svhn")
    config.data.augmentation = "none"
    validate(config)
    config.update_from_flattened_dict({field: value})
    with pytest.raises(ConfigError, match=field):
        validate(config)
