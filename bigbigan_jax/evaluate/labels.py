"""Does a model of a small labelled set keep what matters? Judged by classifiers of real images.

Three numbers on held-out images, for sets as small as digits (no paper defines them):

* label_kept: how often a classifier trained on real images gives G(E(x)) the label of x.
* confidence: the classifier's mean highest probability on samples G(z).
* z_1nn: accuracy of the nearest training neighbour, Euclidean, by E's mean latents.

The last alone proves little: random features do well at it.
"""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import cv2
import jax
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from bigbigan_jax.data import Source, evaluation_batches

MAX_TRAIN, MAX_TEST = 10_000, 2_000
SAMPLES = 1_000
PART = 512
STATISTICS_BATCHES = 16


@dataclasses.dataclass(frozen=True)
class LabelledImages:
    """Images [N, H, W, C], uint8, and their labels [N], int32."""

    images: np.ndarray
    labels: np.ndarray

    @classmethod
    def read(cls, source: Source, image_size: int, channels: int, limit: int) -> "LabelledImages":
        """The first `limit` images of a source as centre crops."""
        batches = evaluation_batches(
            source, image_size=image_size, channels=channels, batch_size=256
        )
        parts = []
        with contextlib.closing(batches):
            while (batch := next(batches, None)) is not None and len(parts) * 256 < limit:
                parts.append(batch)
        return cls(
            np.concatenate([part["image"] for part in parts])[:limit],
            np.concatenate([part["label"] for part in parts])[:limit],
        )


class LabelScores:
    """Judges models on one data set; the classifier is trained once, on real images.

    Attributes:
      classifier_accuracy: of the classifier on held-out real images, the ceiling of label_kept.
    """

    def __init__(self, family, programs, train: Source, test: Source, batch_size: int):
        """Reads the images and trains the classifier.

        Args:
          family: a `bigbigan_jax.training.family.Family` with an encoder.
          programs: its methods, jitted.
          train: training images with labels; at most `MAX_TRAIN` are used.
          test: held-out images with labels; at most `MAX_TEST` are used.
          batch_size: of the batches over which statistics are estimated.
        """
        shape = (family.image_size, family.image_channels)
        self._programs, self._batch_size = programs, batch_size
        self._train = LabelledImages.read(train, *shape, MAX_TRAIN)
        self._test = LabelledImages.read(test, *shape, MAX_TEST)
        self._classifier = MLPClassifier((256,), tol=1e-3, random_state=0)
        self._size = family.generated_size
        self._classifier.fit(self._pixels(self._train.images), self._train.labels)
        self.classifier_accuracy = self._accuracy(self._test.images)

    def __call__(self, state: Any, key: jax.Array) -> dict[str, float]:
        """The scores of a state, each in [0, 1]."""
        programs, train, test = self._programs, self._train, self._test
        batch_size = min(self._batch_size, len(train.images))
        batches = min(STATISTICS_BATCHES, len(train.images) // batch_size)
        images = train.images[: batches * batch_size]
        images = images.reshape(batches, batch_size, *images.shape[1:])
        variables = programs.evaluation_variables(state, images, key)
        samples = np.asarray(programs.sample(variables, key, SAMPLES))
        probabilities = self._classifier.predict_proba(self._pixels(samples))
        neighbours = KNeighborsClassifier(1).fit(
            _in_parts(programs.encode, variables, train.images), train.labels
        )
        return {
            "label_kept": self._accuracy(_in_parts(programs.reconstruct, variables, test.images)),
            "confidence": float(probabilities.max(axis=1).mean()),
            "z_1nn": neighbours.score(
                _in_parts(programs.encode, variables, test.images), test.labels
            ),
        }

    def _accuracy(self, images: np.ndarray) -> float:
        return self._classifier.score(self._pixels(np.asarray(images)), self._test.labels)

    def _pixels(self, images: np.ndarray) -> np.ndarray:
        """Images [N, H, W, C] at G's resolution, as vectors in [0, 1]."""
        side = (self._size, self._size)
        resized = [cv2.resize(image, side, interpolation=cv2.INTER_AREA) for image in images]
        return np.reshape(resized, (len(images), -1)) / 255


def _in_parts(
    program: Callable[[Any, np.ndarray], jax.Array], variables: Any, images: np.ndarray
) -> np.ndarray:
    """Applies a program to `PART` images at a time, so that large sets fit."""
    starts = range(0, len(images), PART)
    return np.concatenate([np.asarray(program(variables, images[i : i + PART])) for i in starts])
