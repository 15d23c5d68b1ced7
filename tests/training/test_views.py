"""How E and D see images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.run import build_family
from bigbigan_jax.training.views import Views

KEY = jax.random.key(3)
SIDE = 32
MIDDLE = (SIDE - 1) / 2


def sources(views, count=100):
    """Of many draws, the matrix and the shift by which places are mapped to where they show.

    An image whose pixels are its rows' numbers, or its columns', stays so between its borders under
    bilinear interpolation: it tells where each pixel was taken from.
    """
    ramp = np.indices((SIDE, SIDE), np.float32).transpose(1, 2, 0) - MIDDLE
    found = views.of_encoder(jnp.broadcast_to(jnp.asarray(ramp), (count, *ramp.shape)), KEY)
    inside = np.abs(ramp).max(axis=-1) < SIDE / 4
    places = np.concatenate([ramp[inside], np.ones((inside.sum(), 1))], axis=1)
    fits = [np.linalg.lstsq(places, np.asarray(f)[inside], rcond=None) for f in found]
    assert max(residuals.max() for _, residuals, *_ in fits) < 1e-4
    return np.array([fit[:2].T for fit, *_ in fits]), np.array([fit[2] for fit, *_ in fits])


def assert_spread(draws, limit):
    """Draws of their own, from all of the range between the negative of a limit and the limit."""
    assert np.abs(draws).max() <= limit * 1.001
    assert draws.min() < -0.8 * limit and draws.max() > 0.8 * limit
    assert len(np.unique(draws)) == len(draws)


def test_images_are_seen_as_they_are_unless_asked_for():
    x = jnp.ones((2, 4, 4, 1), jnp.bfloat16)
    assert Views().of_encoder(x, KEY) is x and Views().of_discriminator(x, KEY) is x


def test_shift_is_a_share_of_the_side():
    matrices, shifts = sources(Views(shift=0.1))
    np.testing.assert_allclose(matrices, np.broadcast_to(np.eye(2), matrices.shape), atol=1e-5)
    assert_spread(shifts[:, 0], 0.1 * SIDE)
    assert_spread(shifts[:, 1], 0.1 * SIDE)


def test_rotation_is_in_degrees_about_the_middle():
    matrices, shifts = sources(Views(rotation=20))
    np.testing.assert_allclose(shifts, 0, atol=1e-4)
    products = matrices @ matrices.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(2), products.shape), atol=1e-4)
    assert_spread(np.rad2deg(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])), 20)


def test_either_axis_has_a_scale_of_its_own():
    matrices, _ = sources(Views(scale=0.2))
    np.testing.assert_allclose(matrices[:, [0, 1], [1, 0]], 0, atol=1e-5)
    assert_spread(np.log(matrices[:, 0, 0]), 0.2)
    assert_spread(np.log(matrices[:, 1, 1]), 0.2)


def test_shear_moves_columns_from_row_to_row():
    matrices, _ = sources(Views(shear=0.3))
    np.testing.assert_allclose(matrices[:, 0], np.broadcast_to([1, 0], (100, 2)), atol=1e-5)
    np.testing.assert_allclose(matrices[:, 1, 1], 1, atol=1e-5)
    assert_spread(matrices[:, 1, 0], 0.3)


def test_only_the_discriminator_sees_noise():
    x = jnp.zeros((8, 16, 16, 3), jnp.bfloat16)
    views = Views(instance_noise=0.5)
    assert views.of_encoder(x, KEY) is x
    noisy = views.of_discriminator(x, KEY)
    assert noisy.dtype == x.dtype
    assert float(noisy.astype(jnp.float32).std()) == pytest.approx(0.5, rel=0.05)


def test_the_border_is_continued_and_gradients_pass():
    views = Views(shift=0.3, rotation=20, scale=0.2, shear=0.2)
    x = jnp.full((4, 8, 8, 1), -1.0)
    np.testing.assert_allclose(views.of_encoder(x, KEY), x, atol=1e-5)
    gradient = jax.grad(lambda x: views.of_encoder(x, KEY).sum())(x)
    assert np.isfinite(gradient).all() and float(gradient.sum()) == pytest.approx(x.size, rel=1e-4)


def test_a_step_makes_its_pairs_by_views_of_their_own(tiny_config, tiny_state):
    tiny_config.training.views.update({"shift": 0.2, "instance_noise": 0.1})
    step = build_family(tiny_config).step
    x = jax.random.uniform(KEY, (4, 8, 8, 1), minval=-1.0)
    pairs, _ = jax.jit(step.pairs)(tiny_state, tiny_state.params, x, KEY)

    def applied(network, inputs, *mutable):
        variables = {**tiny_state.variables(network), "params": tiny_state.params[network]}
        net = getattr(step.networks, network)
        return net.apply(variables, inputs, train=True, mutable=list(mutable))[0]

    @jax.jit
    def expected():
        x_hat = applied("generator", pairs.z, "batch_stats", "spectral")
        x_of_e = step.views.of_encoder(x, stream(KEY, "view of E"))
        z_hat = applied("encoder", x_of_e, "batch_stats").sample(stream(KEY, "epsilon"))
        return (
            step.views.of_discriminator(x, stream(KEY, "view of x")),
            z_hat,
            step.views.of_discriminator(x_hat, stream(KEY, "view of x_hat")),
        )

    for found, right in zip(pairs, expected(), strict=False):  # all but z, which is drawn
        np.testing.assert_allclose(found, right, atol=1e-5)
    assert not np.allclose(pairs.x, x, atol=0.1)
