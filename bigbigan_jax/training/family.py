"""What the loop, the checkpoints and the loading of a model know of what is trained."""

from collections.abc import Mapping
from typing import Any, Protocol

import jax

from bigbigan_jax.training.step_metrics import Metrics

PyTree = Any


class Family(Protocol):
    """Networks, their objective and their update rule, e.g. `bigbigan_jax.training.bigbigan`.

    All methods are pure and meant to be jitted. A state is a `flax.struct.dataclass` with the int32
    scalars `step`, `skipped` and `skipped_in_a_row`, and with `params`, `opt_state` and `ema` (see
    `bigbigan_jax.training.state`).

    Attributes:
      image_size: side of the images it trains on.
      generated_size: side of the images it generates.
      image_channels: 1 or 3.
      batches_per_step: how many batches of images one update uses.
      z_dim: size of its latents.
      has_encoder: whether it can encode and reconstruct.
      shard_weights: whether `params`, `opt_state` and `ema` are split over the devices.
    """

    image_size: int
    generated_size: int
    image_channels: int
    batches_per_step: int
    z_dim: int
    has_encoder: bool
    shard_weights: bool

    def init(self, key: jax.Array) -> PyTree:
        """The state before the first step."""

    def update(
        self, state: PyTree, batch: Mapping[str, jax.Array], key: jax.Array
    ) -> tuple[PyTree, Metrics]:
        """One step on batch["image"] [batches_per_step, B, H, W, C], uint8.

        `key` is the key of the run, the same at every step.
        """

    def monitor(self, state: PyTree, batch: Mapping[str, jax.Array], key: jax.Array) -> Metrics:
        """Metrics too costly for every step, on the same kind of batch."""

    def evaluation_variables(self, state: PyTree, images: jax.Array, key: jax.Array) -> PyTree:
        """The averaged weights, with statistics re-estimated over images [N, B, H, W, C], uint8."""

    def evaluation_statistics(self, state: PyTree, images: jax.Array, key: jax.Array) -> PyTree:
        """What `evaluation_variables` has besides weights, and what loading a model needs more.

        `key` is the key of the run, the same at every step.
        """

    def sample(self, variables: PyTree, key: jax.Array, count: int) -> jax.Array:
        """Generated images [count, h, w, C], uint8."""

    def encode(self, variables: PyTree, images: jax.Array) -> jax.Array:
        """The mean latents [B, z_dim] of images [B, H, W, C], uint8."""

    def features(self, variables: PyTree, images: jax.Array) -> jax.Array:
        """What probes are trained on, [B, F] float32, of images [B, H, W, C], uint8."""

    def reconstruct(self, variables: PyTree, images: jax.Array) -> jax.Array:
        """The reconstructions [B, h, w, C], uint8, of images [B, H, W, C], uint8."""
