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
    losses: Mapping[str, jax.Array], real: Scores, generated: Scores
) -> Metrics:
    """Losses, mean scores of both classes and their margin, by term."""
    metrics = {"loss/D": sum(losses.values())}
    for term, loss in losses.items():
        of_real, of_generated = real[term].mean(), generated[term].mean()
        metrics |= {
            f"loss/D/{term}": loss,
            f"score/{term}/real": of_real,
            f"score/{term}/generated": of_generated,
            f"score/{term}/margin": of_real - of_generated,
        }
    return metrics


def encoder_generator_metrics(losses: Mapping[str, jax.Array]) -> Metrics:
    """Losses by term."""
    metrics = {"loss/EG": sum(losses.values())}
    return metrics | {f"loss/EG/{term}": loss for term, loss in losses.items()}


def gradient_norms(gradients: Mapping[str, Any]) -> Metrics:
    """The norm of each network's gradient."""
    return {f"grad_norm/{SYMBOLS[net]}": optax.tree.norm(g) for net, g in gradients.items()}


def mean_metrics(metrics: Sequence[Metrics]) -> Metrics:
    """The mean of every metric over several updates."""
    return jax.tree.map(lambda *values: jnp.stack(values).mean(), *metrics)


def singular_values(spectral: Mapping[str, Any]) -> Metrics:
    """σ of the raw weights of the first and the last layers of G and D, where they have one.

    Growth of these foretells collapse (BigGAN, arXiv 1809.11096, section 4.1).
    """
    generator, discriminator = spectral.get("generator", {}), spectral["discriminator"]
    layers = {"G/first": generator.get("input"), "G/last": generator.get("output")}
    layers["D/F_first"] = discriminator.get("F", {}).get("block0", {}).get("conv0")
    layers["D/H_first"] = discriminator.get("H", {}).get("block0_dense0")
    layers |= {f"D/{name}": discriminator[name] for name in discriminator if "theta" in name}
    return {f"sigma/{name}": layer["sigma"] for name, layer in layers.items() if layer}
