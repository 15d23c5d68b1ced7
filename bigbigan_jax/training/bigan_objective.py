"""The objectives of BiGAN and of the baselines of its MNIST table (arXiv 1605.09782, section 4).

A pair (x, E(x)) is real, a pair (G(z), z) generated. All losses are means over a batch; those of
real and generated pairs are averaged, as in the authors' code, which matters to the weight decay
beside them.
"""

import jax
import jax.numpy as jnp
import optax

from bigbigan_jax.training.objective import Scores

JOINT_WEIGHT = 0.25  # of the latent regressor where it is trained jointly with G


def discriminator_loss(real: Scores, generated: Scores) -> dict[str, jax.Array]:
    """The cross-entropy of real and generated, by term: float32 scalars."""
    return _cross_entropy(real, generated, real_label=1.0)


def encoder_generator_loss(real: Scores, generated: Scores) -> dict[str, jax.Array]:
    """The same with the labels swapped, rather than its negative (section 3.4)."""
    return _cross_entropy(real, generated, real_label=0.0)


def generator_loss(generated: Scores) -> dict[str, jax.Array]:
    """G's in a plain GAN: the cross-entropy of generated images labelled real, by term.

    Whole, as in the authors' code: no half of it is of real images, on which G has no influence.
    """
    return {term: _of_label(scores, 1.0) for term, scores in generated.items()}


def latent_loss(z_logits: jax.Array, z: jax.Array) -> jax.Array:
    """The cross-entropy of ẑ and z, both as probabilities: a float32 scalar, the mean over z.

    Args:
      z_logits: [B, z_dim], ẑ before it is squashed.
      z: [B, z_dim] in (-1, 1).
    """
    return optax.sigmoid_binary_cross_entropy(z_logits, (z + 1) / 2).mean()


def reconstruction_loss(x: jax.Array, x_hat: jax.Array, norm: str) -> jax.Array:
    """The mean over images of |x - x̂|², or of |x - x̂|₁, between pixels in [0, 1].

    That it is a sum over pixels is a decision: the weight decay beside it depends on that.

    Args:
      x: [B, …] in [-1, 1].
      x_hat: likewise.
      norm: "l2" or "l1".
    """
    error = ((x - x_hat) / 2).reshape(len(x), -1)
    error = error**2 if norm == "l2" else jnp.abs(error)
    return error.sum(axis=1).mean()


def _cross_entropy(real: Scores, generated: Scores, real_label: float) -> dict[str, jax.Array]:
    return {
        term: (_of_label(real[term], real_label) + _of_label(generated[term], 1 - real_label)) / 2
        for term in real
    }


def _of_label(scores: jax.Array, label: float) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(scores, jnp.full_like(scores, label)).mean()
