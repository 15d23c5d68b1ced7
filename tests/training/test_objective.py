"""The objective: known values, and who gains by which sign."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.training.objective import discriminator_loss, encoder_generator_loss

REAL = {"x": jnp.asarray([2.0, -1.0]), "z": jnp.asarray([0.5, 0.0]), "xz": jnp.asarray([1.0, 3.0])}
GENERATED = {
    "x": jnp.asarray([-3.0, 0.0]),
    "z": jnp.asarray([1.0, -0.5]),
    "xz": jnp.asarray([-1.0, 2.0]),
}


def test_discriminator_loss_of_known_scores():
    losses = discriminator_loss(REAL, GENERATED)
    # Means of max(0, 1 - s) over pairs of class +1, plus means of max(0, 1 + s) over class -1.
    assert losses == {"x": (0 + 2 + 0 + 1) / 2, "z": (0.5 + 1 + 2 + 0.5) / 2, "xz": 3 / 2}


def test_encoder_generator_loss_of_known_scores():
    assert encoder_generator_loss(REAL, GENERATED) == {"x": 2.0, "z": 0.0, "xz": 1.5}


def test_hinge_is_on_each_term_and_not_on_the_sum():
    real = {"x": jnp.asarray([3.0]), "z": jnp.asarray([-1.0])}
    generated = {"x": jnp.asarray([-3.0]), "z": jnp.asarray([1.0])}
    # The sums, 2 and -2, would cost nothing.
    assert discriminator_loss(real, generated) == {"x": 0.0, "z": 4.0}


@pytest.mark.parametrize("terms", [("x",), ("xz",), ("x", "xz"), ("z", "xz")])
def test_a_subset_has_the_summands_of_its_terms(terms):
    def only(scores):
        return {term: scores[term] for term in terms}

    for loss in (discriminator_loss, encoder_generator_loss):
        whole = loss(REAL, GENERATED)
        assert loss(only(REAL), only(GENERATED)) == {term: whole[term] for term in terms}


def total(loss):
    return lambda real, generated: sum(loss(real, generated).values())


def test_encoder_lowers_its_scores_and_generator_raises_its_own():
    of_real, of_generated = jax.grad(total(encoder_generator_loss), argnums=(0, 1))(REAL, GENERATED)
    for term in REAL:
        np.testing.assert_array_equal(of_real[term], [0.5, 0.5])
        np.testing.assert_array_equal(of_generated[term], [-0.5, -0.5])


def test_discriminator_does_the_opposite_within_the_margin():
    real, generated = {"x": jnp.asarray([0.5, 1.5])}, {"x": jnp.asarray([-0.5, -1.5])}
    of_real, of_generated = jax.grad(total(discriminator_loss), argnums=(0, 1))(real, generated)
    np.testing.assert_array_equal(of_real["x"], [-0.5, 0.0])
    np.testing.assert_array_equal(of_generated["x"], [0.5, 0.0])
