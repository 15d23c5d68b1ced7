"""The state of training: all that a step changes and a checkpoint holds."""

from typing import Any

import flax.struct
import jax

PyTree = Any


@flax.struct.dataclass
class TrainState:
    """A pytree; every dict has an entry a network ("generator", "encoder", "discriminator").

    Attributes:
      step: int32 scalar, number of finished steps.
      params: float32 weights.
      opt_state: optimiser states.
      batch_stats: BatchNorm running averages, of the networks that have it.
      spectral: spectral-norm vectors, of the networks that have them, and the σ they last gave.
      ema: exponential moving average of the weights of G and E; empty where none is kept.
      skipped: int32 scalar, number of steps in which an update was skipped as not finite.
      skipped_in_a_row: int32 scalar, how many of the last steps were such.
    """

    step: jax.Array
    params: dict[str, PyTree]
    opt_state: dict[str, PyTree]
    batch_stats: dict[str, PyTree]
    spectral: dict[str, PyTree]
    ema: dict[str, PyTree]
    skipped: jax.Array
    skipped_in_a_row: jax.Array

    def variables(self, network: str) -> dict[str, PyTree]:
        """The variables of one network, as its `apply` wants them."""
        collections = {
            "params": self.params,
            "batch_stats": self.batch_stats,
            "spectral": self.spectral,
        }
        return {name: value[network] for name, value in collections.items() if network in value}

    def ema_variables(self) -> dict[str, dict[str, PyTree]]:
        """The variables of G and E for evaluation, with the averaged weights if there are any."""
        return {
            net: {**self.variables(net), "params": self.ema.get(net, self.params[net])}
            for net in self.params
            if net != "discriminator"
        }
