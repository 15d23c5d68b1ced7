"""The objective (arXiv 1907.02544, section 2).

A pair (x, E(x)) is of the class y = +1, a pair (G(z), z) of the class y = -1. `Scores` holds,
for every term in play ("x", "z", "xz"), the scores [B] of a batch of one class. Any subset of
the terms is an objective; the paper's ablations leave some out.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

Scores = Mapping[str, jax.Array]


def discriminator_loss(real: Scores, generated: Scores) -> dict[str, jax.Array]:
    """L_D = E[h(s)] over pairs of class +1, plus E[h(-s)] over those of -1, h(t) = max(0, 1 - t).

    Returns:
      The summand of every term, a float32 scalar each; the hinge is on each term separately.
    """
    return {t: jnp.mean(nn.relu(1 - real[t]) + nn.relu(1 + generated[t])) for t in real}


def encoder_generator_loss(real: Scores, generated: Scores) -> dict[str, jax.Array]:
    """L_EG = E[s] over pairs of class +1, minus E[s] over those of -1.

    E minimises the scores of its pairs and G maximises those of its own.

    Returns:
      The summand of every term, a float32 scalar each.
    """
    return {t: jnp.mean(real[t]) - jnp.mean(generated[t]) for t in real}
