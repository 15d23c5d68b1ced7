"""What judges a run now and then, outside of its training step."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax


class Evaluation(Protocol):
    """Judges the state of a run; all processes make the same calls.

    Attributes:
      every: steps between two calls.
      metrics: names of what it finds.
    """

    every: int
    metrics: tuple[str, ...]

    def __call__(
        self, state: Any, images: jax.Array, key: jax.Array, stopped: Callable[[], bool]
    ) -> dict[str, float]:
        """Judges a state.

        Args:
          state: of the family.
          images: uint8 [N, B, H, W, C], training images for the statistics of BatchNorm.
          key: the key of the run.
          stopped: whether to give up; to be asked often, equally often by all processes.

        Returns:
          The metrics; none if it gave up.
        """

    def alarm(self, found: Mapping[str, float], earlier: Mapping[int, Mapping[str, float]]) -> str:
        """What is alarming about the metrics just found.

        Args:
          found: the metrics.
          earlier: by step, the metrics of earlier checkpoints.

        Returns:
          A line; empty if all is well.
        """
