"""What scores need to know of a set of images, gathered while the images pass by."""

import dataclasses
import functools
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy.special import softmax

from bigbigan_jax.inception import LOGITS, InceptionFeatures
from bigbigan_jax.scores import InceptionSplit, Moments, ScoreError

_BLOCK = 1024  # images whose moments are taken together

Features = dict[int, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Collected:
    """What is known of a set of images; the images and most of their features are gone.

    Attributes:
      moments: by width of the features, those of each part of the set.
      splits: for the Inception Score, of each part; none without logits.
      kept: features of some images, [K, D] float32, of the widest features.
    """

    moments: Mapping[int, tuple[Moments, ...]]
    splits: tuple[InceptionSplit, ...]
    kept: np.ndarray

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(part.count for part in next(iter(self.moments.values())))

    def whole(self, width: int) -> Moments:
        """The moments of the whole set."""
        return functools.reduce(operator.add, self.moments[width])


def collect(
    batches: Iterable[np.ndarray],
    count: int,
    inception: InceptionFeatures,
    *,
    parts: int,
    keep: int,
    seed: int = 0,
) -> Collected:
    """Gathers what scores need.

    Args:
      batches: images [B, H, W, C], 0 to 255, `count` in all.
      count: number of images.
      inception: gives their features.
      parts: equal parts to tell apart, one after the other, for a spread of the scores.
      keep: how many images' features to keep, of some drawn at random.
      seed: of that.

    Raises:
      ScoreError: there are fewer than 2 images a part, or a feature is not finite.
    """
    if count < 2 * parts:
        raise ScoreError(f"{count} images in {parts} parts; there must be 2 or more in each")
    ends = [count * (part + 1) // parts for part in range(parts)]
    chosen = np.random.default_rng(seed).choice(count, min(keep, count), replace=False)
    wanted = np.zeros(count, bool)
    wanted[chosen] = True
    widths = [width for width in inception.outputs if width != LOGITS]
    moments: dict[int, list[Moments]] = {width: [] for width in widths}
    splits: list[InceptionSplit] = []
    kept, start, part = [], 0, 0
    for block in _blocks((inception(images) for images in batches), ends):
        rows = len(block[widths[0]])
        kept.append(block[max(widths)][wanted[start : start + rows]])
        for width in widths:
            _add(moments[width], part, Moments.of(block[width]))
        if LOGITS in block:
            probabilities = softmax(block[LOGITS].astype(np.float64), axis=1)
            _add(splits, part, InceptionSplit.of(probabilities))
        start += rows
        if start == ends[part]:
            part += 1
    if start != count:
        raise ScoreError(f"{start} images came of {count}")
    return Collected(
        {width: tuple(found) for width, found in moments.items()},
        tuple(splits),
        np.concatenate(kept),
    )


def _add(parts: list[Any], part: int, value: Any) -> None:
    if part == len(parts):
        parts.append(value)
    else:
        parts[part] += value


def _blocks(batches: Iterable[Features], ends: list[int]) -> Iterator[Features]:
    """The same rows in blocks that are not small and do not cross the ends of parts."""
    waiting: list[Features] = []
    done = held = 0
    for batch in batches:
        while rows := len(next(iter(batch.values()))):
            end = next((end for end in ends if end > done), done + held + rows)
            take = min(rows, end - done - held, _BLOCK - held)
            waiting.append({width: values[:take] for width, values in batch.items()})
            batch = {width: values[take:] for width, values in batch.items()}
            held += take
            if held == _BLOCK or done + held == end:
                yield _joined(waiting)
                done, held, waiting = done + held, 0, []
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[Features]) -> Features:
    return {width: np.concatenate([part[width] for part in parts]) for width in parts[0]}
