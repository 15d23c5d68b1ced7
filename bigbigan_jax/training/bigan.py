"""BiGAN (arXiv 1605.09782) as a family, and the baselines of its MNIST table."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bigbigan_jax.models.architectures import build_networks
from bigbigan_jax.training.adversarial import Adversarial
from bigbigan_jax.training.bigan_step import SimultaneousStep
from bigbigan_jax.training.optimizers import adam_decaying


@dataclasses.dataclass(frozen=True)
class BiGAN(Adversarial):
    """See `bigbigan_jax.training.family.Family` for the methods; `step` is a `SimultaneousStep`."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "BiGAN":
        """Builds the family from a validated configuration.

        Args:
          config: as in `bigbigan_jax.config.default_config("bigan")`.
        """
        training = config["training"]
        networks = build_networks(config["model"])
        optimizer = adam_decaying(
            training["learning_rate"],
            training["final_learning_rate"],
            config["steps"],
            b1=training["adam_b1"],
            b2=training["adam_b2"],
            eps=training["adam_eps"],
            weight_decay=training["weight_decay"],
        )
        step = SimultaneousStep(
            networks,
            dict.fromkeys(networks.names, optimizer),
            training["objective"],
            training["ema_decay"],
        )
        return cls(step, 1, training["shard_weights"], training["statistics_batches"])
