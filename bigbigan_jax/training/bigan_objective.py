"""The objectives of BiGAN and of the baselines of its MNIST table (arXiv 1605.09782, section 4).

A pair (x, E(x)) is real, a pair (G(z), z) generated. All losses are means over a batch; D's two
halves are averaged, as in the authors' code, which matters to the weight decay beside them.
"""

import jax
import jax.numpy as jnp
import optax

from bigbigan_jax.training.objective import Scores

JOINT_WEIGHT = 0.25  # of the latent regressor in G's loss where both are trained jointly


def discriminator_loss(real: Scores, generated: Scores) -> dict[str, jax.Array]:
    """The cross-entropy of real and generated, by term: float32 scalars."""
    return _cross_entropy(real, generated, real_label=1.0)


def encoder_generator_loss(real: Scores, generated: Scores) -> dict[str, jax.Array]:
    """The same with the labels swapped, rather than its negative (section 3.4)."""
    return _cross_entropy(real, generated, real_label=0.0)


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


def scaled_gradient(x: jax.Array, scale: float) -> jax.Array:
    """x itself, with the gradient through it multiplied by `scale`."""
    return scale * x + (1 - scale) * jax.lax.stop_gradient(x)


def _cross_entropy(real: Scores, generated: Scores, real_label: float) -> dict[str, jax.Array]:
    def of(scores: jax.Array, label: float) -> jax.Array:
        return optax.sigmoid_binary_cross_entropy(scores, jnp.full_like(scores, label)).mean()

    return {t: (of(real[t], real_label) + of(generated[t], 1 - real_label)) / 2 for t in real}
