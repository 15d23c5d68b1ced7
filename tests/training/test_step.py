"""The training step: against a naive restatement, on eight devices, and on what is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bigbigan_jax.mesh import data_mesh, replicated, shard_batches
from bigbigan_jax.models import partitioning
from bigbigan_jax.training.bigbigan import BigBiGAN
from bigbigan_jax.training.programs import Programs, abstract_state, state_sharding
from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.run import build_family

KEY = jax.random.key(1)


@pytest.fixture(scope="module")
def after(tiny_update, tiny_state, tiny_batch):
    """State and metrics after one step."""
    return tiny_update(tiny_state, tiny_batch, KEY)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a, b, rtol=1e-3, atol=1e-5):
    def check(path, a, b):
        name = jax.tree_util.keystr(path)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=name)

    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree_util.tree_map_with_path(check, a, b)


def differs(a, b):
    """For every leaf, whether it changed."""
    return jax.tree.leaves(jax.tree.map(lambda a, b: bool(np.any(a != b)), a, b))


def hinge(t):
    return jnp.maximum(0, 1 - t)


class NaiveStep:
    """The algorithm of the paper line by line: no sharing, no folding, Adam from optax."""

    def __init__(self, family, config):
        networks, training = family.networks, config.training
        self.g, self.e, self.d = networks.generator, networks.encoder, networks.discriminator
        self.adam = {
            network: optax.adam(rate, b1=0.0, b2=training.adam_b2, eps=training.adam_eps)
            for network, rate in training.learning_rate.items()
        }
        self.decay = training.ema_decay

    def first(self, state):
        collections = {
            name: getattr(state, name) for name in ("params", "batch_stats", "spectral", "ema")
        }
        adam = {network: self.adam[network].init(p) for network, p in state.params.items()}
        return {**collections, "adam": adam}

    def pairs(self, s, of_g, of_e, x, key):
        z = jax.random.normal(stream(key, "z"), (len(x), 8))
        g = {"params": of_g, **{k: s[k]["generator"] for k in ("batch_stats", "spectral")}}
        x_hat, new_g = self.g.apply(g, z, train=True, mutable=["batch_stats", "spectral"])
        e = {"params": of_e, "batch_stats": s["batch_stats"]["encoder"]}
        encoding, new_e = self.e.apply(e, x, train=True, mutable=["batch_stats"])
        noise = jax.random.normal(stream(key, "epsilon"), z.shape)
        return (x, encoding.z_mean + encoding.z_stdev * noise), (x_hat, z), new_g, new_e

    def scores(self, s, of_d, real, generated):
        d = {"params": of_d, "spectral": s["spectral"]["discriminator"]}
        images, latents = (jnp.concatenate(both) for both in zip(real, generated, strict=True))
        scores, new = self.d.apply(d, images, latents, mutable=["spectral"])
        n = len(real[0])
        return [(score[:n], score[n:]) for score in scores.values()], new

    def adam_step(self, s, network, gradient):
        updates, adam = self.adam[network].update(gradient, s["adam"][network])
        params = optax.apply_updates(s["params"][network], updates)
        return put(put(s, "params", network, params), "adam", network, adam)

    def __call__(self, s, images, key, step):
        for i, x in enumerate(images):
            of = s["params"]
            real, generated, *_ = self.pairs(
                s, of["generator"], of["encoder"], x, stream(key, "D", step, i)
            )

            def d_loss(of_d, s=s, real=real, generated=generated):
                scores, new = self.scores(s, of_d, real, generated)
                return sum(hinge(r).mean() + hinge(-g).mean() for r, g in scores), new

            gradient, new = jax.grad(d_loss, has_aux=True)(of["discriminator"])
            s = self.adam_step(s, "discriminator", gradient)
            s = put(s, "spectral", "discriminator", new["spectral"])

        def eg_loss(of_g, of_e):
            *both, new_g, new_e = self.pairs(s, of_g, of_e, images[-1], stream(key, "EG", step))
            scores, _ = self.scores(s, s["params"]["discriminator"], *both)
            return sum(r.mean() - g.mean() for r, g in scores), (new_g, new_e)

        gradients, (new_g, new_e) = jax.grad(eg_loss, argnums=(0, 1), has_aux=True)(
            s["params"]["generator"], s["params"]["encoder"]
        )
        for network, gradient, new in zip(
            ("generator", "encoder"), gradients, (new_g, new_e), strict=True
        ):
            s = self.adam_step(s, network, gradient)
            for collection, value in new.items():
                s = put(s, collection, network, value)
            ema = jax.tree.map(
                lambda old, new: self.decay * old + (1 - self.decay) * new,
                s["ema"][network],
                s["params"][network],
            )
            s = put(s, "ema", network, ema)
        return s


def put(s, collection, network, value):
    return {**s, collection: {**s[collection], network: value}}


def test_two_steps_are_those_of_a_naive_restatement(
    tiny_config, tiny_family, tiny_state, tiny_update, tiny_batch, after
):
    naive = NaiveStep(tiny_family, tiny_config)
    step = jax.jit(naive)
    expected, images = naive.first(tiny_state), tiny_batch["image"]
    expected = step(expected, images, KEY, 0)
    state = after[0]
    other = images[:, :, ::-1]
    for _ in range(2):
        for collection in ("params", "batch_stats", "spectral", "ema"):
            assert_close(getattr(state, collection), expected[collection])
        for network in state.params:
            ours, theirs = (
                optax.tree.get(adam[network], "nu") for adam in (state.opt_state, expected["adam"])
            )
            assert_close(ours, theirs, atol=1e-8)
        expected = step(expected, other, KEY, state.step)
        state, _ = tiny_update(state, {"image": other}, KEY)
    assert state.step == 3


def test_everything_moves_and_is_counted(tiny_state, after):
    state, _ = after
    assert (state.step, state.skipped, state.skipped_in_a_row) == (1, 0, 0)
    assert all(differs(state.batch_stats, tiny_state.batch_stats))
    for network in state.params:
        assert any(differs(state.params[network], tiny_state.params[network]))
    for network in ("generator", "discriminator"):
        assert any(differs(state.spectral[network], tiny_state.spectral[network]))
    dtypes = jax.tree.map(lambda leaf: leaf.dtype, (tiny_state, state))
    assert dtypes[0] == dtypes[1]


def test_metrics(after):
    state, metrics = after
    expected = {"skipped", "skipped_in_a_row", "sigma/D/F_first", "sigma/D/H_first"}
    expected |= {"sigma/G/first", "sigma/G/last"}
    expected |= {f"grad_norm/{network}" for network in "GED"}
    for term in ("x", "z", "xz"):
        expected |= {f"loss/D/{term}", f"loss/EG/{term}", f"sigma/D/theta_{term}"}
        expected |= {f"score/{term}/{kind}" for kind in ("real", "generated", "margin")}
    assert set(metrics) == expected | {"loss/D", "loss/EG"}
    assert all(value.shape == () and np.isfinite(value) for value in metrics.values())
    assert all(metrics[f"grad_norm/{network}"] > 0 for network in "GED")
    assert metrics["sigma/G/last"] == state.spectral["generator"]["output"]["sigma"]


@pytest.mark.parametrize("smallest_sharded", [partitioning.SMALLEST_SHARDED, 1])
def test_eight_devices_do_as_one(
    tiny_config, tiny_state, tiny_bytes, after, smallest_sharded, monkeypatch
):
    monkeypatch.setattr(partitioning, "SMALLEST_SHARDED", smallest_sharded)
    mesh = data_mesh()
    everywhere, family = replicated(mesh), build_family(tiny_config)
    programs = Programs.of(family, mesh)
    shardings = state_sharding(programs.state)
    sharded = [not leaf.is_fully_replicated for leaf in jax.tree.leaves(shardings)]
    assert any(sharded) == (smallest_sharded == 1)
    # By way of NumPy: other tests need the memory of `tiny_state`, and this one gives its own away.
    state = jax.device_put(jax.tree.map(np.array, tiny_state), shardings)
    key = jax.device_put(KEY, everywhere)
    new, metrics = programs.update(state, shard_batches({"image": tiny_bytes}, mesh), key)

    placed = jax.tree.map(lambda leaf: leaf.sharding, new)
    assert jax.tree.leaves(placed) == jax.tree.leaves(shardings)
    assert_close(new, after[0])
    assert_close(metrics, after[1], atol=1e-4)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))


def test_nan_in_the_batches_changes_nothing_but_the_counters(tiny_update, tiny_batch, after):
    state, _ = after
    bad = tiny_batch["image"].copy()
    bad[:, 3, 0, 0] = np.nan
    new, metrics = tiny_update(state, {"image": bad}, KEY)
    again, _ = tiny_update(new, {"image": bad}, KEY)
    assert (metrics["skipped"], metrics["skipped_in_a_row"]) == (1, 1)
    assert (again.step, again.skipped, again.skipped_in_a_row) == (3, 2, 2)
    counters = {"step": 1, "skipped": 0, "skipped_in_a_row": 0}
    assert_same(again.replace(**counters), state.replace(**counters))

    good, metrics = tiny_update(again, tiny_batch, KEY)
    assert (good.step, good.skipped, good.skipped_in_a_row) == (4, 2, 0)
    assert all(np.isfinite(value) for value in metrics.values())
    assert all(differs(good.batch_stats, state.batch_stats))


def test_updates_before_a_skipped_one_stay_and_move_only_their_own(tiny_update, tiny_batch, after):
    state, _ = after
    bad = tiny_batch["image"].copy()
    bad[1] = np.nan  # the batch of the second D update and of the E,G update
    new, _ = tiny_update(state, {"image": bad}, KEY)
    assert (new.skipped, new.skipped_in_a_row) == (1, 1)
    assert any(differs(new.params["discriminator"], state.params["discriminator"]))
    assert any(differs(new.spectral["discriminator"], state.spectral["discriminator"]))
    for network in ("generator", "encoder"):
        assert_same(new.variables(network), state.variables(network))
        assert_same(new.opt_state[network], state.opt_state[network])
    assert_same(new.ema, state.ema)


def test_weights_may_stay_whole_on_every_device(tiny_config, monkeypatch):
    monkeypatch.setattr(partitioning, "SMALLEST_SHARDED", 1)
    tiny_config.training.shard_weights = False
    shardings = state_sharding(abstract_state(build_family(tiny_config), data_mesh()))
    assert all(leaf.is_fully_replicated for leaf in jax.tree.leaves(shardings))


def test_parts_of_a_batch_and_recomputed_blocks(tiny_config, tiny_state, tiny_batch, after):
    """Recomputing changes nothing; in parts BatchNorm and z differ, and an update is still one."""
    tiny_config.training.rematerialize = ("generator", "encoder", "discriminator")
    recomputing = BigBiGAN.from_config(tiny_config.to_dict())
    new, metrics = jax.jit(recomputing.update)(tiny_state, tiny_batch, KEY)
    assert_close(new, after[0])
    assert_close(metrics, after[1], atol=1e-4)

    tiny_config.training.gradient_accumulation = 4
    in_parts = BigBiGAN.from_config(tiny_config.to_dict())
    parts, metrics = jax.jit(in_parts.update)(tiny_state, tiny_batch, KEY)
    assert set(metrics) == set(after[1]) and parts.step == 1 and parts.skipped == 0
    assert jax.tree.map(jnp.shape, parts) == jax.tree.map(jnp.shape, new)
    # Power iteration does not depend on the images: it is one step, not four.
    assert_close(parts.spectral["generator"], new.spectral["generator"])


def test_without_an_encoder(tiny_config, tiny_batch):
    tiny_config.model.encoder.trunk, tiny_config.model.terms = "none", ("x",)
    family = BigBiGAN.from_config(tiny_config.to_dict())
    state = jax.jit(family.init)(jax.random.key(0))
    assert set(state.params) == {"generator", "discriminator"} and set(state.ema) == {"generator"}
    assert set(state.params["discriminator"]) == {"F", "theta_x"}
    new, metrics = jax.jit(family.update)(state, tiny_batch, KEY)
    assert new.skipped == 0 and "grad_norm/E" not in metrics and "loss/EG/x" in metrics
    assert all(np.isfinite(value) for value in metrics.values())
    assert family.monitor(new, tiny_batch, KEY) == {}


def test_with_a_reversible_encoder(tiny_config, tiny_batch):
    tiny_config.model.encoder.update({"trunk": "revnet14", "width": 1 / 32})
    family = BigBiGAN.from_config(tiny_config.to_dict())
    state = jax.jit(family.init)(jax.random.key(0))
    new, metrics = jax.jit(family.update)(state, tiny_batch, KEY)
    assert new.skipped == 0 and all(np.isfinite(value) for value in metrics.values())
    for collection in ("params", "batch_stats"):
        new_trunk, trunk = (getattr(s, collection)["encoder"]["trunk"] for s in (new, state))
        assert all(differs(new_trunk, trunk))


@pytest.mark.parametrize("terms", [("xz",), ("x", "z")])
def test_any_subset_of_the_terms_steps(tiny_config, tiny_batch, terms):
    tiny_config.model.terms = terms
    family = BigBiGAN.from_config(tiny_config.to_dict())
    state = jax.eval_shape(family.init, KEY)
    new, metrics = jax.eval_shape(family.update, state, tiny_batch, KEY)
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)
    assert {name for name in metrics if name.startswith("loss/D/")} == {
        f"loss/D/{term}" for term in terms
    }


def test_without_an_average_both_updates_trace(tiny_config, tiny_batch):
    tiny_config.training.ema_decay = 0.0
    family = BigBiGAN.from_config(tiny_config.to_dict())
    state = jax.eval_shape(family.init, KEY)
    new, _ = jax.eval_shape(family.update, state, tiny_batch, KEY)
    assert new.ema == state.ema == {}
    assert jax.tree.structure(new.params) == jax.tree.structure(state.params)
    pairs = jax.eval_shape(family.step.update_encoder_generator, state, tiny_batch["image"][0], KEY)
    assert {"grad_norm/G", "grad_norm/E"} <= pairs[1].keys()
