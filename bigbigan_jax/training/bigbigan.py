"""BigBiGAN (arXiv 1907.02544) as a family; without an encoder, a plain unconditional BigGAN."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import optax

from bigbigan_jax.models.architectures import build_networks
from bigbigan_jax.models.networks import NETWORKS
from bigbigan_jax.training.adversarial import Adversarial
from bigbigan_jax.training.optimizers import adam_without_momentum
from bigbigan_jax.training.step import Step
from bigbigan_jax.training.views import Views


@dataclasses.dataclass(frozen=True)
class BigBiGAN(Adversarial):
    """See `bigbigan_jax.training.family.Family` for the methods; `step` is a `Step`."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "BigBiGAN":
        """Builds the family from a validated configuration.

        Args:
          config: as in `bigbigan_jax.config.default_config`.
        """
        training = config["training"]
        share, updates = training["final_rate_share"], dict.fromkeys(NETWORKS, config["steps"])
        updates["discriminator"] *= training["d_steps"]
        optimizers = {
            network: adam_without_momentum(
                rate if share == 1 else optax.linear_schedule(rate, share * rate, updates[network]),
                training["adam_b2"],
                training["adam_eps"],
            )
            for network, rate in training["learning_rate"].items()
        }
        networks = build_networks(config["model"], training["rematerialize"])
        parts = training["gradient_accumulation"]
        views = Views(**training["views"])
        step = Step(networks, optimizers, training["ema_decay"], parts, views)
        return cls(step, training["d_steps"], training["shard_weights"])
