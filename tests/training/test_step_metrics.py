"""What a step reports, for known scores and gradients."""

import jax.numpy as jnp
import pytest

from bigbigan_jax.training.step_metrics import (
    discriminator_metrics,
    encoder_generator_metrics,
    gradient_norms,
    mean_metrics,
    singular_values,
)


def test_discriminator_metrics():
    real, generated = {"x": jnp.asarray([1.0, 3.0])}, {"x": jnp.asarray([-2.0, 0.0])}
    assert discriminator_metrics({"x": jnp.asarray(0.5)}, real, generated) == {
        "loss/D": 0.5,
        "loss/D/x": 0.5,
        "score/x/real": 2.0,
        "score/x/generated": -1.0,
        "score/x/margin": 3.0,
    }


def test_encoder_generator_metrics():
    losses = {"x": jnp.asarray(1.0), "xz": jnp.asarray(-3.0)}
    assert encoder_generator_metrics(losses) == {
        "loss/EG": -2.0,
        "loss/EG/x": 1.0,
        "loss/EG/xz": -3.0,
    }


def test_gradient_norms():
    generator = {"a": jnp.asarray([3.0]), "b": jnp.asarray([[4.0]])}
    gradients = {"generator": generator, "encoder": jnp.asarray([2.0])}
    assert gradient_norms(gradients) == {"grad_norm/G": 5.0, "grad_norm/E": 2.0}


def test_means_over_updates():
    updates = [{"a": jnp.asarray(1.0)}, {"a": jnp.asarray(2.0)}]
    assert mean_metrics(updates) == {"a": 1.5}
    assert jnp.isnan(mean_metrics([*updates, {"a": jnp.asarray(jnp.nan)}])["a"])


@pytest.mark.parametrize("terms, names", [
    (("x",), {"D/F_first", "D/theta_x"}),
    (("z",), {"D/H_first", "D/theta_z"}),
])  # fmt: skip
def test_singular_values_of_the_layers_that_are_there(terms, names):
    layer = {"u": jnp.ones(1), "sigma": jnp.asarray(2.0)}
    parts = {"x": ("F", {"block0": {"conv0": layer}}), "z": ("H", {"block0_dense0": layer})}
    discriminator = dict(parts[term] for term in terms)
    discriminator |= {f"theta_{term}": layer for term in terms}
    generator = {"input": layer, "output": layer, "block0": {"conv0": layer}}
    found = singular_values({"generator": generator, "discriminator": discriminator})
    assert found == {f"sigma/{name}": 2.0 for name in names | {"G/first", "G/last"}}
