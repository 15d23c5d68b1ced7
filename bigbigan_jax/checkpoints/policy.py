"""Which checkpoints of a run are kept."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from orbax.checkpoint import checkpoint_managers as policies


def keep_policy(
    keep_last: int,
    keep_every: int | None,
    scores: dict[int, float],
    best_mode: Literal["min", "max"],
    pinned: Collection[int] = (),
) -> policies.PreservationPolicy:
    """Keeps the last `keep_last`, every step divisible by `keep_every`, the best, and some others.

    Args:
      keep_last: at least 1, so that the latest is never lost.
      keep_every: at least 1, or None.
      scores: score by step, of the steps that have one; the caller adds to it.
      best_mode: which score is the best.
      pinned: other steps to keep; the caller changes them.

    Raises:
      ValueError: a number is too small, or `best_mode` is neither "min" nor "max".
    """
    if keep_last < 1 or (keep_every is not None and keep_every < 1):
        raise ValueError(f"keep_last={keep_last}, keep_every={keep_every}: must be at least 1")
    if best_mode not in ("min", "max"):
        raise ValueError(f'best_mode={best_mode!r}: must be "min" or "max"')
    best = _Best(scores, min if best_mode == "min" else max)
    keep = [policies.LatestN(keep_last), best, _Pinned(pinned)]
    if keep_every is not None:
        keep.append(policies.EveryNSteps(keep_every))
    return policies.AnyPreservationPolicy(keep)


@dataclasses.dataclass
class _Best(policies.PreservationPolicy):
    """Keeps the step of the best score.

    Orbax's BestN takes the scores from files which the manager's constructor reads, and fails
    on if one is truncated: a damaged old checkpoint would prevent every start.
    """

    scores: dict[int, float]
    choose: Callable[..., int]  # min or max

    def should_preserve(
        self,
        checkpoints: Sequence[policies.PolicyCheckpointInfo],
        *,
        context: policies.PreservationContext,
    ) -> Sequence[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        scored = [step for step in steps if step in self.scores]
        best = self.choose(scored, key=self.scores.__getitem__) if scored else None
        return [step == best for step in steps]


@dataclasses.dataclass
class _Pinned(policies.PreservationPolicy):
    """Keeps some steps."""

    steps: Collection[int]

    def should_preserve(
        self,
        checkpoints: Sequence[policies.PolicyCheckpointInfo],
        *,
        context: policies.PreservationContext,
    ) -> Sequence[bool]:
        return [checkpoint.step in self.steps for checkpoint in checkpoints]
