"""The simultaneous update, and what each baseline moves by what."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_bigan import ROWS, get_config

from bigbigan_jax.training.bigan import BiGAN
from bigbigan_jax.training.bigan_step import SimultaneousStep
from bigbigan_jax.training.random_streams import stream

KEY = jax.random.key(3)
X = np.random.default_rng(0).uniform(-1, 1, (1, 16, 8, 8, 1)).astype(np.float32)


def family_of(row, **training):
    config = get_config(row)
    config.training.update(training)
    return BiGAN.from_config(config.to_dict())


def descended(row, **encoder):
    """By network, the gradients of one step: what plain descent at rate 1 moves the weights by."""
    config = get_config(row)
    config.model.encoder.update(encoder)
    family = BiGAN.from_config(config.to_dict())
    networks = family.networks
    plain = SimultaneousStep(
        networks, dict.fromkeys(networks.names, optax.sgd(1.0)), family.step.objective, 0.0
    )
    state = family.init(KEY)
    for layer in state.params.get("discriminator", {}):
        if "theta" in layer:  # starts at zero, and then nothing else would move
            state.params["discriminator"][layer]["kernel"] = jnp.linspace(-1, 1, 8)[:, None]
    state = state.replace(
        opt_state={n: plain.optimizers[n].init(p) for n, p in state.params.items()}
    )
    new, metrics = jax.jit(plain.__call__)(state, {"image": X}, KEY)
    return state, jax.tree.map(jnp.subtract, state.params, new.params), metrics


def applied(family, state, network, params, *inputs):
    variables = {**state.variables(network), "params": params[network]}
    module = getattr(family.networks, network)
    return module.apply(variables, *inputs, train=True, mutable=["batch_stats"])[0]


def close(a, b, atol=1e-7):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=atol), a, b)


def test_all_three_descend_at_once_from_the_same_weights():
    family = family_of("bigan")
    state, moved, metrics = descended("bigan")
    z = family.networks.sample_z(stream(stream(KEY, "step", 0), "z"), 16)
    x = X[0]

    def scores(params):
        x_hat = applied(family, state, "generator", params, z)
        z_hat = applied(family, state, "encoder", params, x).z_mean
        real = applied(family, state, "discriminator", params, x, z_hat)["xz"]
        return real, applied(family, state, "discriminator", params, x_hat, z)["xz"]

    def loss(params, label):
        real, generated = (s * (2 * label - 1) for s in scores(params))
        return (jax.nn.softplus(-real).mean() + jax.nn.softplus(generated).mean()) / 2

    of_d, of_eg = jax.grad(loss)(state.params, 1), jax.grad(loss)(state.params, 0)
    close(moved["discriminator"], of_d["discriminator"])
    close(moved["generator"], of_eg["generator"])
    close(moved["encoder"], of_eg["encoder"])
    assert metrics["loss/D"] == pytest.approx(float(loss(state.params, 1)), rel=1e-5)
    assert metrics["loss/EG"] == pytest.approx(float(loss(state.params, 0)), rel=1e-5)


def test_latent_regressor_leaves_the_gan_alone_and_the_joint_one_does_not():
    # D has the same initial values and sees the same images in all three.
    _, gan, _ = descended("d")
    _, regressor, metrics = descended("lr")
    _, joint, _ = descended("jlr")
    close(regressor["generator"], gan["generator"])
    close(regressor["discriminator"], gan["discriminator"])
    assert metrics["loss/E"] == pytest.approx(np.log(2), rel=1e-6)  # E's output starts at zero
    assert np.any(regressor["encoder"]["z_mean"]["kernel"])
    close(joint["encoder"], jax.tree.map(lambda g: g / 4, regressor["encoder"]))


def test_joint_latent_regressor_moves_both_by_a_quarter_of_its_loss():
    # Initial values of E at zero would let no gradient through to G.
    state, regressor, _ = descended("lr", zero_output=False)
    _, joint, metrics = descended("jlr", zero_output=False)
    family = family_of("jlr")
    z = family.networks.sample_z(stream(stream(KEY, "step", 0), "z"), 16)

    def loss(params):
        x_hat = applied(family, state, "generator", params, z)
        logits = applied(family, state, "encoder", params, x_hat).z_logits
        return optax.sigmoid_binary_cross_entropy(logits, (z + 1) / 2).mean()

    value, whole = jax.value_and_grad(loss)(state.params)
    added = jax.tree.map(jnp.subtract, joint["generator"], regressor["generator"])
    quarter = jax.tree.map(lambda g: g / 4, whole)
    close(added, quarter["generator"], atol=1e-6)
    close(joint["encoder"], quarter["encoder"], atol=1e-6)
    close(joint["discriminator"], regressor["discriminator"])
    assert metrics["loss/E"] == pytest.approx(float(value), rel=1e-5)
    assert np.any(added["dense0"]["kernel"])


def test_autoencoders_have_no_discriminator():
    for row in ("ae_l1", "ae_l2"):
        state, moved, metrics = descended(row)
        assert set(state.params) == {"generator", "encoder"}
        assert all(np.any(leaf) for leaf in jax.tree.leaves(moved))
        assert "loss/D" not in metrics and metrics["loss/EG"] > 0


@pytest.mark.parametrize("row", [r for r in ROWS if get_config(r).family == "bigan"])
def test_a_step_that_is_not_finite_changes_nothing(row):
    family = family_of(row)
    state = family.init(KEY)
    update = jax.jit(family.update)
    new, metrics = update(state, {"image": X}, KEY)
    assert new.step == 1 and new.skipped == metrics["skipped"] == 0
    kept, metrics = update(new, {"image": np.full_like(X, np.nan)}, KEY)
    assert kept.step == 2 and kept.skipped == metrics["skipped_in_a_row"] == 1
    for name in ("params", "opt_state", "batch_stats"):
        before, after = getattr(new, name), getattr(kept, name)
        jax.tree.map(np.testing.assert_array_equal, before, after)


def test_an_average_is_kept_where_one_is_asked_for():
    assert family_of("bigan").init(KEY).ema == {}
    family = family_of("bigan", ema_decay=0.75)
    state = family.init(KEY)
    new, _ = jax.jit(family.update)(state, {"image": X}, KEY)
    expected = jax.tree.map(
        lambda old, now: 0.75 * old + 0.25 * now, state.ema, {n: new.params[n] for n in state.ema}
    )
    assert set(new.ema) == {"generator", "encoder"}
    close(new.ema, expected)


@pytest.mark.parametrize(
    "row, of_images", [("bigan", ("encoder", "discriminator")), ("ae_l1", ("encoder", "generator"))]
)
def test_statistics_are_running_averages_where_few_images_are_at_hand(row, of_images):
    family = family_of(row)
    state, images = family.init(KEY), np.random.default_rng(1).integers(0, 256, (2, 16, 8, 8, 1))
    images = images.astype(np.uint8)
    statistics = jax.jit(family.evaluation_statistics)

    def of(state, images):
        return {n: statistics(state, images, KEY)[n]["batch_stats"] for n in of_images}

    running = {n: jax.tree.map(lambda s: s + 7, state.batch_stats[n]) for n in state.batch_stats}
    later = state.replace(step=jnp.int32(100), batch_stats=running)
    for network, found in of(later, images).items():
        close(found, running[network])
    sooner = of(state.replace(batch_stats=running), images)
    many = of(later, np.tile(images, (50, 1, 1, 1, 1)))
    for network in sooner:  # of the same images
        assert np.all(jax.tree.leaves(sooner[network])[0] < 7)
        close(many[network], sooner[network])
