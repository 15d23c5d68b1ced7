"""Statistics for evaluation, re-estimated for the weights that are evaluated.

BigGAN (arXiv 1809.11096, appendix C.1) evaluates G by "standing statistics": BatchNorm moments
averaged over many forward passes with fresh z. Doing the same for E over training images is a
decision of this project; so is it for G of an autoencoder, which has met no z but E(x), to be
evaluated by the moments of G(E(x)).
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from bigbigan_jax.models.layers import BATCH_NORM_MOMENTUM
from bigbigan_jax.models.networks import Networks, Variables
from bigbigan_jax.models.spectral_norm import COLLECTION as SPECTRAL

GENERATOR_BATCHES = 16


def standing_statistics(
    networks: Networks,
    variables: Variables,
    images: jax.Array,
    key: jax.Array,
    generator_batches: int = GENERATOR_BATCHES,
) -> Variables:
    """Replaces the batch statistics of G and E by averages over whole batches.

    G's spectral-norm vectors take one step of power iteration a batch on the way, so that they
    fit these weights too.

    Args:
      networks: the networks.
      variables: of G and E, with the weights to evaluate (the EMA).
      images: [N, B, image_size, image_size, C] in [-1, 1], N batches of training images.
      key: for batches of B fresh z.
      generator_batches: how many such batches; an autoencoder has those of the images.

    Returns:
      `variables` with new "batch_stats" (and "spectral").
    """
    result, batch_size = {}, images.shape[1]

    def encode(variables, x):
        return networks.encoder.apply(variables, x, train=True, mutable=["batch_stats"])[1]

    def generate(variables, z):
        return networks.generator.apply(
            variables, z, train=True, mutable=["batch_stats", SPECTRAL]
        )[1]

    def from_prior(variables, key):
        return generate(variables, networks.sample_z(key, batch_size))

    def from_encoder(variables, x):
        return generate(variables, networks.encode(result, x).z_mean)

    if networks.encoder:
        result["encoder"] = _average_moments(encode, variables["encoder"], images)
    if networks.discriminator:
        keys = jax.random.split(key, generator_batches)
        result["generator"] = _average_moments(from_prior, variables["generator"], keys)
    else:
        result["generator"] = _average_moments(from_encoder, variables["generator"], images)
    return result


def discriminator_statistics(
    networks: Networks, variables: Variables, images: jax.Array
) -> dict[str, Any]:
    """The batch statistics of a D that has BatchNorm, averaged over batches of real pairs.

    That they are those of real pairs is a decision; in training it normalises generated ones apart.

    Args:
      networks: the networks.
      variables: of D, and those of E as `standing_statistics` returns them.
      images: [N, B, image_size, image_size, C] in [-1, 1], N batches of training images.

    Returns:
      {"batch_stats"}.
    """
    rngs = {"dropout": jax.random.key(0)}  # for a D that drops out; the same in every batch

    def discriminate(variables_of_d, x):
        z = jnp.zeros((len(x), networks.z_dim))
        if networks.encoder:
            z = networks.encode(variables, x).z_mean
        x = networks.pool_for_discriminator(x)
        return networks.discriminator.apply(
            variables_of_d, x, z, train=True, mutable=["batch_stats"], rngs=rngs
        )[1]

    averaged = _average_moments(discriminate, variables["discriminator"], images)
    return {"batch_stats": averaged["batch_stats"]}


def without_weights(variables: Variables) -> dict[str, dict[str, Any]]:
    """The statistics alone: what a checkpoint keeps beside the averaged weights."""
    return {
        network: {name: value for name, value in collections.items() if name != "params"}
        for network, collections in variables.items()
    }


def feature_moments(
    networks: Networks, variables: Variables, images: jax.Array
) -> dict[str, jax.Array]:
    """The moments of E's features, by which BN+CReLU normalises them.

    Args:
      networks: the networks, with an encoder.
      variables: of `standing_statistics`.
      images: [N, B, image_size, image_size, C] in [-1, 1], N batches of training images.

    Returns:
      {"mean", "var"}, each [features] float32.
    """
    features = jax.lax.map(lambda x: networks.encode(variables, x).avepool_feat, images)
    return {"mean": features.mean(axis=(0, 1)), "var": features.var(axis=(0, 1))}


def _average_moments(
    apply: Callable[[Mapping[str, Any], jax.Array], Mapping[str, Any]],
    variables: Mapping[str, Any],
    inputs: jax.Array,
) -> dict[str, Any]:
    """Runs `apply` on every input; averages the moments of each batch it normalised by."""
    zeros = jax.tree.map(jnp.zeros_like, variables["batch_stats"])

    def one_batch(carry, x):
        total, rest = carry
        updated = dict(apply({**rest, "batch_stats": zeros}, x))
        # A running average that starts at zero is, after one batch, (1 - momentum)·moments.
        moments = updated.pop("batch_stats")
        total = jax.tree.map(lambda t, m: t + m / (1 - BATCH_NORM_MOMENTUM), total, moments)
        return (total, {**rest, **updated}), None

    rest = {name: value for name, value in variables.items() if name != "batch_stats"}
    (total, rest), _ = jax.lax.scan(one_batch, (zeros, rest), inputs)
    return {**rest, "batch_stats": jax.tree.map(lambda t: t / len(inputs), total)}
