"""How many images of a run are damaged, and when they are too many."""

import jax
import numpy as np
from jax.experimental import multihost_utils

from bigbigan_jax.data import DataError

# A handful at the beginning says little about the share in the whole set.
_FEW = 10


class DamageCount:
    """Counts the images that stand in for damaged ones, from the start of the process on.

    An image counts each time it was to be used, in every epoch anew, so that the share among the
    images used is that in the set.

    Attributes:
      total: of all processes, as of the last `check`.
    """

    def __init__(self, images_per_step: int, max_share: float):
        """Starts at 0.

        Args:
          images_per_step: images that all processes together use in a step.
          max_share: share of damaged images, 0..1, up to which a run goes on.
        """
        self.total = 0
        self._images_per_step, self._max_share = images_per_step, max_share
        self._here = self._steps = 0

    def add(self, damaged: int) -> None:
        """Takes the count of a step in this process."""
        self._here += damaged
        self._steps += 1

    def check(self) -> None:
        """Adds up over the processes, which must all call it after the same step.

        Ten damaged images are let pass, whatever their share, unless `max_share` is 0.

        Raises:
          DataError: the share is larger than it may be.
        """
        self.total = self._here
        if jax.process_count() > 1:
            counts = multihost_utils.process_allgather(np.asarray(self._here))
            self.total = int(np.sum(counts))
        images = self._steps * self._images_per_step
        allowed = max(_FEW, self._max_share * images) if self._max_share else 0
        if self.total > allowed:
            raise DataError(
                f"{self.total} of the {images} images used so far cannot be decoded, more than "
                f"config.data.max_damaged_share, {self._max_share:g}, allows; the log names them"
            )
