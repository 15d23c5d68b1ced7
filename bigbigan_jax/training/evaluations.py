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

    def last_good(self, found: Mapping[int, Mapping[str, float]]) -> int | None:
        """The newest step at which all was well.

        Args:
          found: by step, the metrics of the checkpoints there are; of the newest, those of this
            evaluation.

        Returns:
          The step; None where nothing can be said.
        """
