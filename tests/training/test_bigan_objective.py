"""BiGAN's objectives against their formulas."""

import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.training.bigan_objective import (
    discriminator_loss,
    encoder_generator_loss,
    generator_loss,
    latent_loss,
    reconstruction_loss,
)

REAL, GENERATED = jnp.array([2.0, -1.0]), jnp.array([0.5, -3.0])


def log_sigmoid(t):
    return -np.log1p(np.exp(-np.asarray(t)))


def test_cross_entropy_and_the_same_with_swapped_labels():
    scores = {"xz": REAL}, {"xz": GENERATED}
    expected = -(log_sigmoid(REAL).mean() + log_sigmoid(-GENERATED).mean()) / 2
    assert discriminator_loss(*scores)["xz"] == pytest.approx(expected, rel=1e-5)
    swapped = -(log_sigmoid(-REAL).mean() + log_sigmoid(GENERATED).mean()) / 2
    assert encoder_generator_loss(*scores)["xz"] == pytest.approx(swapped, rel=1e-5)


def test_generator_of_a_plain_gan_has_a_whole_cross_entropy():
    expected = -log_sigmoid(GENERATED).mean()
    assert generator_loss({"x": GENERATED})["x"] == pytest.approx(expected, rel=1e-5)


def test_undecided_scores_cost_the_logarithm_of_two():
    zeros = {"x": jnp.zeros(3)}
    assert discriminator_loss(zeros, zeros)["x"] == pytest.approx(np.log(2), rel=1e-6)


def test_latent_loss_is_a_cross_entropy_of_probabilities():
    logits, z = jnp.array([[0.3, -2.0]]), jnp.array([[0.5, -0.9]])
    p = (np.asarray(z) + 1) / 2
    expected = -(p * log_sigmoid(logits) + (1 - p) * log_sigmoid(-logits)).mean()
    assert latent_loss(logits, z) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("norm, expected", [("l2", 2 * 0.5**2 + 0.25**2), ("l1", 1.25)])
def test_reconstruction_loss_is_a_sum_over_pixels_in_0_1(norm, expected):
    x = jnp.zeros((2, 3, 1, 1))
    x_hat = jnp.array([1.0, -1.0, 0.5]).reshape(1, 3, 1, 1).repeat(2, axis=0)
    assert reconstruction_loss(x, x_hat, norm) == pytest.approx(expected)
