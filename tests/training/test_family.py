"""The family: its state, what it reports, and what the loop asks of it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.encoder import Encoding
from bigbigan_jax.models.networks import Networks
from bigbigan_jax.training.bigbigan import BigBiGAN
from bigbigan_jax.training.random_streams import stream

KEY = jax.random.key(1)


def test_attributes(tiny_config):
    tiny_config.model.encoder.image_size, tiny_config.training.d_steps = 16, 3
    family = BigBiGAN.from_config(tiny_config.to_dict())
    assert (family.image_size, family.generated_size, family.image_channels) == (16, 8, 1)
    assert (family.batches_per_step, family.z_dim, family.has_encoder) == (3, 8, True)


def test_the_rates_fall_until_the_last_update_of_each_network(tiny_config):
    tiny_config.steps = 4
    constant = BigBiGAN.from_config(tiny_config.to_dict()).step.optimizers
    tiny_config.training.final_rate_share = 0.25
    falling = BigBiGAN.from_config(tiny_config.to_dict()).step.optimizers

    def rates(optimizer, updates):
        state, found = optimizer.init(jnp.zeros(())), []
        for _ in range(updates + 1):
            update, state = optimizer.update(jnp.ones(()), state)
            found.append(-float(update))
        return np.array(found)

    for network, updates in {"generator": 4, "encoder": 4, "discriminator": 8}.items():
        shares = rates(falling[network], updates) / rates(constant[network], updates)
        np.testing.assert_allclose(shares, np.linspace(1, 0.25, updates + 1), rtol=1e-5)


def test_state_before_the_first_step(tiny_state):
    networks = {"generator", "encoder", "discriminator"}
    assert set(tiny_state.params) == set(tiny_state.opt_state) == networks
    assert set(tiny_state.batch_stats) == {"generator", "encoder"}
    assert set(tiny_state.spectral) == {"generator", "discriminator"}
    for network, ema in tiny_state.ema.items():
        jax.tree.map(np.testing.assert_array_equal, ema, tiny_state.params[network])
    assert tiny_state.step == tiny_state.skipped == tiny_state.skipped_in_a_row == 0


def test_variables_for_evaluation_have_the_averaged_weights(tiny_state):
    ema = jax.tree.map(lambda p: p + 1, tiny_state.ema)
    variables = tiny_state.replace(ema=ema).ema_variables()
    assert set(variables) == {"generator", "encoder"}
    assert variables["generator"]["params"] is ema["generator"]
    assert set(variables["generator"]) == {"params", "batch_stats", "spectral"}
    assert set(variables["encoder"]) == {"params", "batch_stats"}


def test_bfloat16_computes_every_convolution_with_float32_state(tiny_config):
    tiny_config.model.dtype = "bfloat16"
    family = BigBiGAN.from_config(tiny_config.to_dict())
    images = {"image": jnp.zeros((2, 4, 8, 8, 1), jnp.uint8)}
    state = jax.eval_shape(family.init, KEY)
    step, (new, metrics) = jax.make_jaxpr(family.update, return_shape=True)(state, images, KEY)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), new) == jax.tree.map(
        lambda x: (x.shape, x.dtype), state
    )
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state.params)} == {"float32"}
    assert metrics["loss/D"].dtype == jnp.float32
    inputs = {
        variable.aval.dtype.name
        for equation in equations(step.jaxpr)
        if equation.primitive.name == "conv_general_dilated"
        for variable in equation.invars
    }
    assert inputs == {"bfloat16"}


def equations(jaxpr):
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda value: hasattr(value, "eqns")
        ):
            if hasattr(inner, "eqns"):
                yield from equations(getattr(inner, "jaxpr", inner))


def test_what_the_loop_asks_for(tiny_family, tiny_state, tiny_batch, tiny_bytes):
    @jax.jit
    def everything(state, images):
        variables = tiny_family.evaluation_variables(state, images, KEY)
        return {
            "variables": variables,
            "sample": tiny_family.sample(variables, KEY, 5),
            "encode": tiny_family.encode(variables, images[0]),
            "reconstruct": tiny_family.reconstruct(variables, images[0]),
            "monitor": tiny_family.monitor(state, {"image": images}, KEY),
        }

    found = everything(tiny_state, tiny_bytes)
    assert found["sample"].shape == (5, 8, 8, 1) and found["sample"].dtype == jnp.uint8
    assert found["reconstruct"].shape == (16, 8, 8, 1) and found["reconstruct"].dtype == jnp.uint8
    assert found["encode"].shape == (16, 8) and found["encode"].dtype == jnp.float32
    assert set(found["monitor"]) == {"reconstruction/z", "reconstruction/x"}
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    assert np.std(found["sample"]) > 0
    kept, given = found["variables"], tiny_state.ema_variables()
    assert jax.tree.structure(kept) == jax.tree.structure(given)
    for network in given:
        jax.tree.map(
            np.testing.assert_array_equal, kept[network]["params"], tiny_state.ema[network]
        )


class OffByConstants(Networks):
    """E(G(z)) = z + 2 and G(E(x)) = x - 1/2."""

    def generate(self, variables, z):
        return jnp.broadcast_to(z.mean(axis=1)[:, None, None, None], (len(z), 8, 8, 1))

    def encode(self, variables, x):
        z = self.sample_z(variables["key"], len(x)) + 2
        return Encoding(jnp.zeros((len(x), 1)), z, jnp.zeros_like(z), z)

    def reconstruct(self, variables, x):
        return x - 0.5


def test_monitor_takes_root_mean_squares(tiny_family, tiny_state, tiny_batch, monkeypatch):
    networks = OffByConstants(
        **{f.name: getattr(tiny_family.networks, f.name) for f in dataclasses.fields(Networks)}
    )
    family = dataclasses.replace(
        tiny_family, step=dataclasses.replace(tiny_family.step, networks=networks)
    )

    def variables(self, state, images, key):
        return {"key": stream(key, "z")}

    monkeypatch.setattr(BigBiGAN, "evaluation_variables", variables)
    metrics = family.monitor(tiny_state, tiny_batch, KEY)
    assert metrics["reconstruction/z"] == pytest.approx(2, rel=1e-5)
    assert metrics["reconstruction/x"] == pytest.approx(0.5, rel=1e-5)
