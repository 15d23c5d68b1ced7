"""What a training step reports of itself: scalars by name."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from bigbigan_jax.training.objective import Scores

Metrics = dict[str, jax.Array]

# Short names of the networks, as in the paper.
SYMBOLS = {"discriminator": "D", "generator": "G", "encoder": "E"}


def discriminator_metrics(
    losses: Mapping[str, jax.Array], scores: tuple[Scores, Scores], gradients: Any
) -> Metrics:
    """Losses, mean scores of both classes and their margin by term; D's gradient norm."""
    metrics = {"loss/D": sum(losses.values()), "grad_norm/D": optax.tree.norm(gradients)}
    real, generated = ({term: s.mean() for term, s in kind.items()} for kind in scores)
    for term, loss in losses.items():
        metrics |= {
            f"loss/D/{term}": loss,
            f"score/{term}/real": real[term],
            f"score/{term}/generated": generated[term],
            f"score/{term}/margin": real[term] - generated[term],
        }
    return metrics


def encoder_generator_metrics(
    losses: Mapping[str, jax.Array], gradients: Mapping[str, Any]
) -> Metrics:
    """Losses by term; the gradient norms of E and G."""
    metrics = {"loss/EG": sum(losses.values())}
    metrics |= {f"loss/EG/{term}": loss for term, loss in losses.items()}
    metrics |= {
        f"grad_norm/{SYMBOLS[network]}": optax.tree.norm(gradient)
        for network, gradient in gradients.items()
    }
    return metrics


def mean_metrics(metrics: Sequence[Metrics]) -> Metrics:
    """The mean of every metric over several updates."""
    return jax.tree.map(lambda *values: jnp.stack(values).mean(), *metrics)


def singular_values(spectral: Mapping[str, Any]) -> Metrics:
    """σ of the raw weights of the first and the last layers of G and D.

    Growth of these foretells collapse (BigGAN, arXiv 1809.11096, section 4.1).
    """
    generator, discriminator = spectral["generator"], spectral["discriminator"]
    layers = {"G/first": generator["input"], "G/last": generator["output"]}
    if "F" in discriminator:
        layers["D/F_first"] = discriminator["F"]["block0"]["conv0"]
    if "H" in discriminator:
        layers["D/H_first"] = discriminator["H"]["block0_dense0"]
    layers |= {f"D/{name}": discriminator[name] for name in discriminator if "theta" in name}
    return {f"sigma/{name}": layer["sigma"] for name, layer in layers.items()}
