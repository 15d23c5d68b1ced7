"""Checkpoints of a run: written by training, read by whoever uses what was learned."""

from bigbigan_jax.checkpoints.manager import Checkpoints, absolute
from bigbigan_jax.checkpoints.reader import CheckpointError

__all__ = ["CheckpointError", "Checkpoints", "absolute"]
