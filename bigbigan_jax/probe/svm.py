"""L2-SVMs on few labels, by which ALI judges features of SVHN (arXiv 1606.00704, section 4.3).

The paper draws 1,000 training images, chooses C by images held out, and reports the mean and the
standard deviation of the error of 100 SVMs, each of a draw of its own. As in its authors' code an
L2-SVM is scikit-learn's `LinearSVC`, features are taken as they are, and C is chosen on a draw
beside the 100. Decisions: as many labels of each class, as in the procedure that the paper says it
follows (DCGAN, arXiv 1511.06434, section 5.2), and a grid of powers of ten.
"""

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bigbigan_jax.probe.features import Features, check_same_kind

LABELS = 1000
SUBSETS = 100
CS = tuple(10.0**power for power in range(-6, 3))
_ROWS = 4096  # judged at a time


@dataclasses.dataclass(frozen=True)
class SVMScores:
    """What SVMs of many draws of labels have right.

    Attributes:
      top1: the share of validation images that an SVM has right, in the mean.
      spread: its standard deviation over the draws.
      c: the C that was chosen.
      labels: how many labels an SVM had.
    """

    top1: float
    spread: float
    c: float
    labels: int


def few_label_svms(
    train: Features,
    train_val: Features,
    validation: Features,
    labels: int = LABELS,
    subsets: int = SUBSETS,
    cs: Sequence[float] = CS,
    seed: int = 0,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> SVMScores:
    """Trains an SVM on each of several draws of labels.

    Args:
      train: what to draw from.
      train_val: to choose C by, on a draw beside the others.
      validation: what is reported.
      labels: how many to draw, as many of each class; all of a class that has fewer.
      subsets: how many draws.
      cs: what to choose C from; of equally good ones the first.
      seed: of the draws.
      progress: wraps the numbers of the SVMs.

    Raises:
      ProbeError: the features do not fit together.
    """
    check_same_kind({"the training set": train, "train-val": train_val, "validation": validation})
    rng = np.random.default_rng(seed)
    numbers = iter(progress(range(len(cs) + subsets)))
    rows = draw(train, labels, rng)
    svms = [_trained(train, rows, c) for c, _ in zip(cs, numbers, strict=False)]
    c = cs[int(np.argmax(_accuracies(svms, train_val)))]
    svms = [_trained(train, draw(train, labels, rng), c) for _ in numbers]
    found = _accuracies(svms, validation)
    return SVMScores(float(found.mean()), float(found.std()), c, len(rows))


def draw(features: Features, labels: int, rng: np.random.Generator) -> np.ndarray:
    """Rows drawn at random, as many of each class, in ascending order.

    Args:
      features: what to draw from.
      labels: how many; of each class it is its share, rounded down, at least one, at most all.
      rng: random numbers.
    """
    share = max(1, labels // features.num_classes)
    classes = [np.flatnonzero(features.labels == label) for label in range(features.num_classes)]
    return np.sort(np.concatenate([rng.permutation(rows)[:share] for rows in classes]))


def _trained(train: Features, rows: np.ndarray, c: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC  # slow to import

    svm = LinearSVC(C=c, loss="squared_hinge", dual="auto", random_state=0)
    with warnings.catch_warnings():
        # One that stops early is a classifier as well, and chosen if it is the best.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return svm.fit(train.rows(rows), train.labels[rows])


def _accuracies(svms: Sequence[Any], features: Features) -> np.ndarray:
    """Of each SVM; features, which may be large, are read once."""
    right = np.zeros(len(svms))
    for start in range(0, len(features), _ROWS):
        part = features.rows(slice(start, start + _ROWS)).astype(np.float64)
        labels = np.asarray(features.labels[start : start + _ROWS])
        right += [(svm.predict(part) == labels).sum() for svm in svms]
    return right / len(features)
