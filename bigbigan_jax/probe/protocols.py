"""The probes of the paper (arXiv 1907.02544), and of BiGAN and ALI.

Each takes features of three sets: what to train on; train-val, images held out of it, to choose
by; and the validation set, which is looked at once.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.features import Features
from bigbigan_jax.probe.image_features import AugmentedFeatures
from bigbigan_jax.probe.knn import KS, METRICS, knn_accuracy, nearest
from bigbigan_jax.probe.linear import (
    TABLE_1,
    TABLE_2,
    LinearProtocol,
    normalized_crelu,
    plain,
    train_linear,
)
from bigbigan_jax.probe.svm import few_label_svms

SHARES = (0.01, 0.1)  # of the labels, in few_labels
Row = dict[str, Any]
# (numbers, what goes on, what they count) -> the numbers, shown as they come
Progress = Callable[[Sequence[int], str, str], Iterable[int]]


@dataclasses.dataclass(frozen=True)
class Sets:
    """Features for a probe.

    Attributes:
      train: what to train on; all but the linear protocols with all labels take `Features` alone.
      train_val: what to choose by.
      validation: what is reported.
      name: of the features.
    """

    train: Features | AugmentedFeatures
    train_val: Features
    validation: Features
    name: str = "AvePool"


def table1(sets: Sets, progress: Progress, steps: int | None = None) -> list[Row]:
    """5,000 steps at one rate on AvePool; accuracy on train-val, as in Table 1."""
    probe = _linear(sets, _shortened(TABLE_1, steps), False, progress)
    return [{"probe": "linear", "features": sets.name, **_scores(probe.judged, "train-val")}]


def table2(sets: Sets, progress: Progress, steps: int | None = None) -> list[Row]:
    """Rates and the step chosen on train-val; AvePool and BN+CReLU, as in Table 2."""
    return [_judged(sets, _shortened(TABLE_2, steps), crelu, progress) for crelu in (False, True)]


def few_labels(sets: Sets, progress: Progress, steps: int | None = None) -> list[Row]:
    """BN+CReLU with the labels of 1 % and of 10 % of the images of each class."""
    rows = []
    for share in SHARES:
        some = dataclasses.replace(sets, train=subset(sets.train, share))
        row = _judged(some, _shortened(TABLE_2, steps), True, progress)
        rows.append({**row, "labels": f"{share:.0%} of labels"})
    return rows


def knn(
    sets: Sets,
    progress: Progress,
    steps: int | None = None,
    ks: Sequence[int] = KS,
) -> list[Row]:
    """Nearest neighbours by each metric and k, on AvePool."""
    ks = [k for k in ks if k <= len(sets.train)]
    rows = []
    for metric in METRICS:
        found = nearest(
            sets.validation,
            sets.train,
            max(ks),
            metric,
            progress=lambda parts, metric=metric: progress(parts, metric, "parts"),
        )
        for k, top1 in knn_accuracy(found, sets.train, sets.validation, ks).items():
            rows.append({"probe": f"{k}-NN, {metric}", "features": sets.name, "top-1": top1})
    return rows


def one_nn(sets: Sets, progress: Progress, steps: int | None = None) -> list[Row]:
    """The nearest of all training images, Euclidean, features as they are.

    The protocol of BiGAN's MNIST table (arXiv 1605.09782, section 4.2).
    """
    everything = Features(
        np.concatenate([sets.train.rows(slice(None)), sets.train_val.rows(slice(None))]),
        np.concatenate([sets.train.labels, sets.train_val.labels]),
        sets.train.num_classes,
    )
    found = nearest(
        sets.validation,
        everything,
        1,
        normalize=False,
        progress=lambda parts: progress(parts, "1-NN", "parts"),
    )
    top1 = knn_accuracy(found, everything, sets.validation, [1])[1]
    return [{"probe": "1-NN", "features": sets.name, "top-1": top1}]


def svm(sets: Sets, progress: Progress, steps: int | None = None) -> list[Row]:
    """L2-SVMs on 1,000 labels, the mean of many draws and its spread, as in ALI's table of SVHN."""
    found = few_label_svms(
        sets.train,
        sets.train_val,
        sets.validation,
        progress=lambda numbers: progress(numbers, "L2-SVM", "SVMs"),
    )
    row = {"probe": "L2-SVM", "features": sets.name, "top-1": found.top1}
    row |= {"top-1, spread": found.spread, "labels": f"{found.labels:,} labels", "C": found.c}
    return [row]


AUGMENTED = ("table1", "table2")  # those that take `AugmentedFeatures` too
PROTOCOLS: dict[str, Callable[..., list[Row]]] = {
    "table1": table1,
    "table2": table2,
    "knn": knn,
    "few_labels": few_labels,
    "1nn": one_nn,
    "svm": svm,
}


def subset(features: Features, share: float, seed: int = 0) -> Features:
    """A share of each class, at least one image of it, drawn at random and the same every time."""
    rng, labels = np.random.default_rng(seed), np.asarray(features.labels)
    chosen = []
    for label in range(features.num_classes):
        rows = rng.permutation(np.flatnonzero(labels == label))
        chosen.append(rows[: max(1, round(share * len(rows)))])
    rows = np.sort(np.concatenate(chosen))
    if not len(rows):
        raise ProbeError("the training set has no labels")
    return Features(np.asarray(features.values[rows]), labels[rows], features.num_classes)


def _judged(sets: Sets, protocol: LinearProtocol, crelu: bool, progress: Progress) -> Row:
    probe = _linear(sets, protocol, crelu, progress)
    name = "BN+CReLU" if crelu else sets.name
    row = {"probe": "linear", "features": name, **_scores(probe.accuracy(sets.validation), "")}
    return {**row, "rate": probe.rate, "step": probe.step}


def _linear(sets: Sets, protocol: LinearProtocol, crelu: bool, progress: Progress) -> Any:
    transform = normalized_crelu(sets.train) if crelu else plain
    return train_linear(
        sets.train,
        sets.train_val,
        protocol,
        transform,
        lambda steps: progress(steps, "linear probe", "steps"),
    )


def _shortened(protocol: LinearProtocol, steps: int | None) -> LinearProtocol:
    if steps is None:
        return protocol
    every = protocol.judge_every and max(1, steps // 20)
    return dataclasses.replace(protocol, steps=steps, judge_every=every)


def _scores(accuracy: Any, suffix: str) -> Row:
    where = f", {suffix}" if suffix else ""
    return {f"top-1{where}": accuracy.top1, f"top-5{where}": accuracy.top5}
