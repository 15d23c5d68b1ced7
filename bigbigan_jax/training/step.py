"""One training step of BigBiGAN (arXiv 1907.02544, section 2 and appendix A).

    repeat d_steps times, each on a fresh batch of images x:
        ẑ ~ E(x),  z ~ P_z,  x̂ = G(z)
        D descends on L_D of the pairs (x, ẑ) and (x̂, z)
    once, on the last of those x:
        ẑ ~ E(x),  z ~ P_z,  x̂ = G(z)
        E and G descend, together, on L_EG of the same pairs
        the averages of the weights of E and G follow

A network's batch statistics and spectral-norm vectors move with its own update alone. An update
whose loss or gradients are not finite changes nothing.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from bigbigan_jax.models.images import scale_images
from bigbigan_jax.models.networks import Networks
from bigbigan_jax.training.objective import Scores, discriminator_loss, encoder_generator_loss
from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.state import TrainState
from bigbigan_jax.training.step_metrics import (
    Metrics,
    discriminator_metrics,
    encoder_generator_metrics,
    gradient_norms,
    mean_metrics,
    singular_values,
)
from bigbigan_jax.training.updates import (
    all_finite,
    count_step,
    descend,
    follow_with_average,
    keep_statistics,
    mean_over_parts,
)
from bigbigan_jax.training.views import Views


class Pairs(NamedTuple):
    """A batch of pairs (x, ẑ) of class +1 and one of pairs (x̂, z) of class -1."""

    x: jax.Array
    z_hat: jax.Array
    x_hat: jax.Array
    z: jax.Array


@dataclasses.dataclass(frozen=True)
class Step:
    """The update (state, batch, key) -> (state, metrics) of given networks and optimisers.

    Attributes:
      networks: G, E and D.
      optimizers: one of each network.
      ema_decay: of the averages of the weights of E and G.
      parts: into how many parts the batch of an update is split, whose gradients are averaged. More
        than one spares memory and is a deviation: BatchNorm sees the parts only.
      views: how E and D see images. Any but as they are is a deviation.
    """

    networks: Networks
    optimizers: Mapping[str, optax.GradientTransformation]
    ema_decay: float
    parts: int = 1
    views: Views = Views()

    def __call__(
        self, state: TrainState, batch: Mapping[str, jax.Array], key: jax.Array
    ) -> tuple[TrainState, Metrics]:
        """One step.

        Args:
          state: the state before; to be donated.
          batch: "image" [d_steps, B, H, W, C], uint8, or float32 in [-1, 1].
          key: the key of the run, the same at every step.

        Returns:
          The state after, and scalars by name.
        """
        images = scale_images(batch["image"])
        d_metrics = []
        for i, x in enumerate(images):
            state, metrics = self.update_discriminator(state, x, stream(key, "D", state.step, i))
            d_metrics.append(metrics)
        x, key = images[-1], stream(key, "EG", state.step)
        state, metrics = self.update_encoder_generator(state, x, key)
        metrics |= mean_metrics(d_metrics)
        state = count_step(state, all_finite(metrics))
        metrics |= singular_values(state.spectral)
        metrics |= {"skipped": state.skipped, "skipped_in_a_row": state.skipped_in_a_row}
        return state, metrics

    def update_discriminator(
        self, state: TrainState, x: jax.Array, key: jax.Array
    ) -> tuple[TrainState, Metrics]:
        """D descends on L_D, over its weights alone; x [B, H, W, C] in [-1, 1]."""

        def gradients_of(x, key):
            pairs, _ = self.pairs(state, state.params, x, key)

            def loss(params):
                variables = {**state.variables("discriminator"), "params": params}
                scores, updated = self.scores(variables, pairs)
                losses = discriminator_loss(*scores)
                return sum(losses.values()), (discriminator_metrics(losses, *scores), updated)

            return jax.grad(loss, has_aux=True)(state.params["discriminator"])

        gradients, (metrics, updated) = mean_over_parts(gradients_of, self.parts, x, key)
        gradients = {"discriminator": gradients}
        metrics |= gradient_norms(gradients)
        ok = all_finite(metrics)
        state = descend(state, self.optimizers, gradients, ok)
        return keep_statistics(state, {"discriminator": updated}, ok), metrics

    def update_encoder_generator(
        self, state: TrainState, x: jax.Array, key: jax.Array
    ) -> tuple[TrainState, Metrics]:
        """E and G descend on L_EG, over the weights of both; x [B, H, W, C] in [-1, 1]."""

        def gradients_of(x, key):
            def loss(params):
                pairs, updated = self.pairs(state, params, x, key)
                scores = self.scores_apart(state.variables("discriminator"), pairs)
                losses = encoder_generator_loss(*scores)
                return sum(losses.values()), (encoder_generator_metrics(losses), updated)

            params = {net: state.params[net] for net in state.params if net != "discriminator"}
            return jax.grad(loss, has_aux=True)(params)

        gradients, (metrics, updated) = mean_over_parts(gradients_of, self.parts, x, key)
        metrics |= gradient_norms(gradients)
        ok = all_finite(metrics)
        state = descend(state, self.optimizers, gradients, ok)
        state = follow_with_average(state, self.ema_decay, ok)
        return keep_statistics(state, updated, ok), metrics

    def pairs(
        self, state: TrainState, params: Mapping[str, Any], x: jax.Array, key: jax.Array
    ) -> tuple[Pairs, dict[str, Any]]:
        """The pairs (x, ẑ) and (x̂, z) that E and G make, and the statistics that this moved."""
        z = self.networks.sample_z(stream(key, "z"), len(x))
        x_hat, of_generator = self.networks.generator.apply(
            {**state.variables("generator"), "params": params["generator"]},
            z,
            train=True,
            mutable=["batch_stats", "spectral"],
        )
        x_hat = self.views.of_discriminator(x_hat, stream(key, "view of x_hat"))
        real = self.networks.pool_for_discriminator(x).astype(x_hat.dtype)
        real = self.views.of_discriminator(real, stream(key, "view of x"))
        if self.networks.encoder is None:  # and then no term looks at ẑ
            return Pairs(real, z, x_hat, z), {"generator": of_generator}
        encoding, of_encoder = self.networks.encoder.apply(
            {**state.variables("encoder"), "params": params["encoder"]},
            self.views.of_encoder(x, stream(key, "view of E")),
            train=True,
            mutable=["batch_stats"],
        )
        z_hat = encoding.sample(stream(key, "epsilon"))
        return Pairs(real, z_hat, x_hat, z), {"generator": of_generator, "encoder": of_encoder}

    def scores(
        self, variables: Mapping[str, Any], pairs: Pairs
    ) -> tuple[tuple[Scores, Scores], Mapping[str, Any]]:
        """Scores of the pairs (x, ẑ) and of (x̂, z), and D's spectral-norm vectors moved once."""

        def together(real: jax.Array, generated: jax.Array) -> jax.Array:
            # Interleaved rather than end to end: every device keeps its own examples.
            return jnp.stack([real, generated], axis=1).reshape(-1, *real.shape[1:])

        x, z = together(pairs.x, pairs.x_hat), together(pairs.z_hat, pairs.z)
        scores, updated = self.networks.discriminator.apply(variables, x, z, mutable=["spectral"])
        real = {term: score.reshape(-1, 2)[:, 0] for term, score in scores.items()}
        generated = {term: score.reshape(-1, 2)[:, 1] for term, score in scores.items()}
        return (real, generated), updated

    def scores_apart(self, variables: Mapping[str, Any], pairs: Pairs) -> tuple[Scores, Scores]:
        """The same scores from two passes, so that none is differentiated by real x."""
        discriminator = self.networks.discriminator
        real = discriminator.apply(variables, pairs.x, pairs.z_hat)
        return real, discriminator.apply(variables, pairs.x_hat, pairs.z)
