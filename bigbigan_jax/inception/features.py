"""Inception over the devices of this host."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from bigbigan_jax.batches import in_batches, local_mesh
from bigbigan_jax.inception.network import LOGITS, TAPS, Inception
from bigbigan_jax.inception.weights import InceptionWeights


class InceptionFeatures:
    """What Inception says of images, with its weights on all devices of this host."""

    def __init__(self, weights: InceptionWeights, outputs: tuple[int, ...]):
        """Puts the weights on the devices.

        Args:
          weights: of the network.
          outputs: what to compute, by width, of (64, 192, 768, 2048, 1008).

        Raises:
          WeightsError: the weights end before one of them.
        """
        weights.check(outputs)
        self.outputs = outputs
        self.fingerprint = weights.fingerprint
        everywhere = NamedSharding(local_mesh(), PartitionSpec())
        last = max(outputs, key=(*TAPS, LOGITS).index)
        abstract = jax.eval_shape(
            Inception(last).init, jax.random.key(0), jnp.zeros((1, 299, 299, 3))
        )
        needed = {scope: weights.params[scope] for scope in abstract["params"]}
        self._params = jax.device_put(needed, everywhere)
        self._program = _program(last, outputs)

    def __call__(self, images: np.ndarray) -> dict[int, np.ndarray]:
        """Features of images.

        Args:
          images: [N, H, W, C], values 0 to 255, C 3 or 1; grey ones are taken as RGB.

        Returns:
          [N, width] float32, by width; see `Inception`.
        """
        # A CPU takes longer with more: its memory is not kept from one to the next.
        largest = 16 if jax.default_backend() == "cpu" else 64
        return in_batches(self._program, self._params, images, largest=largest)


@functools.cache
def _program(last: int, outputs: tuple[int, ...]) -> Callable[[Any, jax.Array], dict]:
    network = Inception(last)

    @jax.jit
    def features(params: Any, images: jax.Array) -> dict[int, jax.Array]:
        if images.shape[-1] == 1:
            images = jnp.repeat(images, 3, axis=-1)
        found = network.apply({"params": params}, images)
        return {output: found[output] for output in outputs}

    return features
