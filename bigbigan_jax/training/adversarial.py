"""What all adversarial families share: all but the update."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax

from bigbigan_jax.models.images import scale_images, to_bytes
from bigbigan_jax.models.layers import BATCH_NORM_MOMENTUM
from bigbigan_jax.models.networks import Networks, Variables
from bigbigan_jax.models.standing_statistics import (
    GENERATOR_BATCHES,
    discriminator_statistics,
    feature_moments,
    standing_statistics,
    without_weights,
)
from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.state import TrainState
from bigbigan_jax.training.step_metrics import Metrics
from bigbigan_jax.training.updates import keep_if, parts_of_batches

RUNNING_BATCHES = round(1 / (1 - BATCH_NORM_MOMENTUM))  # that a running average looks back on


class Update(Protocol):
    """The update rule (state, batch, key) -> (state, metrics).

    Attributes:
      networks: that it trains.
      optimizers: one of each.
      ema_decay: of the averages of the weights of E and G; 0 for none.
      parts: into how many parts a batch is split, one after the other.
    """

    networks: Networks
    optimizers: Mapping[str, optax.GradientTransformation]
    ema_decay: float
    parts: int

    def __call__(
        self, state: TrainState, batch: Mapping[str, jax.Array], key: jax.Array
    ) -> tuple[TrainState, Metrics]: ...


@dataclasses.dataclass(frozen=True)
class Adversarial:
    """See `bigbigan_jax.training.family.Family` for the methods.

    Attributes:
      step: the update.
      batches_per_step: number of D updates a step, each on a batch of its own.
      shard_weights: whether weights, optimiser states and averages are split over the devices.
      statistics_batches: over how many batches statistics are re-estimated; those of E over the
        images at hand, if these are fewer.
    """

    step: Update
    batches_per_step: int
    shard_weights: bool
    statistics_batches: int = GENERATOR_BATCHES

    @property
    def networks(self) -> Networks:
        return self.step.networks

    @property
    def image_size(self) -> int:
        return self.networks.image_size

    @property
    def generated_size(self) -> int:
        return self.networks.generator.image_size

    @property
    def image_channels(self) -> int:
        return self.networks.image_channels

    @property
    def z_dim(self) -> int:
        return self.networks.z_dim

    @property
    def has_encoder(self) -> bool:
        return self.networks.encoder is not None

    def init(self, key: jax.Array) -> TrainState:
        """The state before the first step; the averages, if there are any, start as the weights."""
        variables = self.networks.init(
            {
                "generator": stream(key, "init G"),
                "discriminator": stream(key, "init D"),
                "encoder": stream(key, "init E"),
            }
        )

        def collection(name: str) -> dict[str, Any]:
            return {net: value[name] for net, value in variables.items() if name in value}

        params = collection("params")
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            opt_state={net: self.step.optimizers[net].init(params[net]) for net in params},
            batch_stats=collection("batch_stats"),
            spectral=collection("spectral"),
            ema={
                net: params[net] for net in params if self.step.ema_decay and net != "discriminator"
            },
            skipped=jnp.zeros((), jnp.int32),
            skipped_in_a_row=jnp.zeros((), jnp.int32),
        )

    def update(
        self, state: TrainState, batch: Mapping[str, jax.Array], key: jax.Array
    ) -> tuple[TrainState, Metrics]:
        return self.step(state, batch, key)

    def monitor(self, state: TrainState, batch: Mapping[str, jax.Array], key: jax.Array) -> Metrics:
        """Root mean squares of z - E(G(z)) and of the pixels of x - G(E(x)).

        By the averaged weights, with means of E as its latents.
        """
        if not self.has_encoder:
            return {}
        # Of no more images at a time than a part of an update has.
        networks, x = self.networks, scale_images(self._parts(batch["image"])[-1])
        key = stream(key, "monitor", state.step)
        variables = self.evaluation_variables(state, batch["image"], key)
        z = networks.sample_z(stream(key, "z"), len(x))
        x_hat = networks.resize_for_encoder(networks.generate(variables, z))
        z_error = z - networks.encode(variables, x_hat).z_mean
        x_error = networks.pool_for_discriminator(x) - networks.reconstruct(variables, x)
        return {
            "reconstruction/z": jnp.sqrt(jnp.mean(z_error**2)),
            "reconstruction/x": jnp.sqrt(jnp.mean(x_error**2)),
        }

    def evaluation_variables(
        self, state: TrainState, images: jax.Array, key: jax.Array
    ) -> Variables:
        """The averaged weights of G and E, the last ones where there is no average, to evaluate by.

        Args:
          state: of training.
          images: [N, B, H, W, C], uint8, batches over which E's statistics are taken.
          key: of the z over which G's are.

        Returns:
          Variables of "generator" and "encoder" with statistics for these weights.
        """
        found = standing_statistics(
            self.networks,
            state.ema_variables(),
            scale_images(self._parts(images)[: self.statistics_batches]),
            key,
            self.statistics_batches,
        )
        # Of z there are as many batches as are wanted, of images those at hand.
        by_images = [net for net in found if net == "encoder" or not self.networks.discriminator]
        for network in by_images:
            estimated = found[network]["batch_stats"]
            steadier = self._steadier(state, network, images, estimated)
            found[network] = {**found[network], "batch_stats": steadier}
        return found

    def evaluation_statistics(
        self, state: TrainState, images: jax.Array, key: jax.Array
    ) -> dict[str, Any]:
        """Standing statistics without the weights, those of D, and the moments of E's features."""
        key = stream(key, "statistics", state.step)
        variables = self.evaluation_variables(state, images, key)
        statistics = without_weights(variables)
        if self.has_encoder:
            parts = scale_images(self._parts(images)[: self.statistics_batches])
            statistics["features"] = feature_moments(self.networks, variables, parts)
        if "discriminator" in state.batch_stats:
            of_pairs = discriminator_statistics(
                self.networks,
                {**variables, "discriminator": state.variables("discriminator")},
                scale_images(images[: self.statistics_batches]),
            )
            steadier = self._steadier(state, "discriminator", images, of_pairs["batch_stats"])
            statistics["discriminator"] = {"batch_stats": steadier}
        return statistics

    def _steadier(
        self, state: TrainState, network: str, images: jax.Array, estimated: dict[str, Any]
    ) -> dict[str, Any]:
        """Statistics estimated over images, or the running averages where these tell more.

        Running averages follow the weights of training, so they do for a network that is evaluated
        by those, once they have seen more batches than there are images at hand.
        """
        averaged = bool(state.ema) and network != "discriminator"
        if averaged or len(images) >= RUNNING_BATCHES:
            return estimated
        return keep_if(state.step >= RUNNING_BATCHES, state.batch_stats[network], estimated)

    def _parts(self, images: jax.Array) -> jax.Array:
        return parts_of_batches(images, self.step.parts)

    def sample(self, variables: Variables, key: jax.Array, count: int) -> jax.Array:
        return to_bytes(self.networks.generate(variables, self.networks.sample_z(key, count)))

    def encode(self, variables: Variables, images: jax.Array) -> jax.Array:
        return self.networks.encode(variables, scale_images(images)).z_mean

    def features(self, variables: Variables, images: jax.Array) -> jax.Array:
        return self.networks.encode(variables, scale_images(images)).avepool_feat

    def reconstruct(self, variables: Variables, images: jax.Array) -> jax.Array:
        return to_bytes(self.networks.reconstruct(variables, scale_images(images)))
