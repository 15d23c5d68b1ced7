"""Inception over the devices of this host."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from bigbigan_jax.batches import in_batches, local_mesh
from bigbigan_jax.inception.network import LOGITS, SIDE, TAPS, Inception
from bigbigan_jax.inception.weights import GRAPH, RESIZE, InceptionWeights


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
        last = max(outputs, key=(*TAPS, LOGITS).index)
        everywhere = NamedSharding(local_mesh(), PartitionSpec())
        self._params = jax.device_put(needed_params(weights, last), everywhere)
        self._program = _program(last, outputs)

    @property
    def about(self) -> dict[str, str]:
        """What scores by these features depend on."""
        return {"network": f"{GRAPH}, weights {self.fingerprint}", "resize": RESIZE}

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


def needed_params(weights: InceptionWeights, last: int) -> dict[str, Mapping[str, np.ndarray]]:
    """The params of `Inception(last)` alone."""
    image = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    needed = jax.eval_shape(Inception(last).init, key, image)["params"]
    return {scope: weights.params[scope] for scope in needed}


def outputs_of(params: Any, images: jax.Array, last: int) -> dict[int, jax.Array]:
    """See `Inception`; images may be grey, [B, H, W, 1]."""
    if images.shape[-1] == 1:
        images = jnp.repeat(images, 3, axis=-1)
    return Inception(last).apply({"params": params}, images)


@functools.cache
def _program(last: int, outputs: tuple[int, ...]) -> Callable[[Any, jax.Array], dict]:
    @jax.jit
    def features(params: Any, images: jax.Array) -> dict[int, jax.Array]:
        found = outputs_of(params, images, last)
        return {output: found[output] for output in outputs}

    return features
