"""BiGAN's protocol on PASCAL VOC 2007 (arXiv 1605.09782, table 3): what each image shows.

AlexNet with the convolutions of E tells of each of 20 classes whether an image shows it, and is
trained to in one of three ways: fc8 alone on fc6 and fc7 as they start, fc6 to fc8, or all layers.

Rates, crops and evaluation are those of the code whose protocol the paper follows, P. Krähenbühl's
voc-classification (of arXiv 1511.06856): cross-entropy summed over classes, without those shown
only by objects marked as difficult; gradients clipped; biases at twice the rate; scores summed over
ten random crops; average precision by class as the mean over recall, by scikit-learn. Decisions:
images are of 224 px; crops are squares of 0.3 to 1 of the short side, which for a photograph of
500×375 px are about the 113 px and more of that code; BatchNorm goes by E's stored statistics.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bigbigan_jax.batches import in_batches, local_mesh
from bigbigan_jax.data import Augmentation, NumberedSource, Source
from bigbigan_jax.hub import Model
from bigbigan_jax.models.alexnet import LAYERS
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.probe.alexnet_classifier import (
    AlexNetClassifier,
    check_images,
    classifier_on,
)
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.supervised import (
    Images,
    Progress,
    Saved,
    SupervisedProtocol,
    SupervisedTraining,
)

AUGMENTATION = Augmentation(None, (1.0, 1.0), "bilinear", flip=True, side=(0.3, 1.0))
# What is trained, by the name of the paper's column.
TRAINED = {"fc8": ("fc8",), "fc6-8": ("fc6", "fc7", "fc8"), "all": None}
_FALLS = 8  # of the rate, in a training


@dataclasses.dataclass(frozen=True)
class VocProtocol(SupervisedProtocol):
    """How layers are trained and judged.

    Attributes:
      largest_gradient: norm that gradients are clipped to.
      crops: of each image whose scores are summed in evaluation.
    """

    steps: int = 80_000
    batch_size: int = 16
    learning_rate: float = 0.001
    weight_decay: float = 1e-6
    largest_gradient: float = 10.0
    crops: int = 10

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """The rate falls to a half after each eighth of the steps; that of biases is twice it."""
        every = max(1, self.steps // _FALLS)
        rate = optax.exponential_decay(self.learning_rate, every, 0.5, staircase=True)
        return optax.chain(
            optax.clip_by_global_norm(self.largest_gradient),
            optax.add_decayed_weights(self.weight_decay),
            optax.sgd(rate, self.momentum),
            optax.stateless(
                lambda updates, _: jax.tree_util.tree_map_with_path(_twice_of_biases, updates)
            ),
        )


class Shown(NamedTuple):
    """Images, and which classes each shows.

    Attributes:
      source: of the images.
      presence: int8 [N, classes], 1 where it is shown, 0 where not, -1 where it does not count.
      names: of the classes.
    """

    source: Source
    presence: np.ndarray
    names: Sequence[str]


def voc_average_precision(
    model: Model,
    trained: str,
    train: Shown,
    test: Shown,
    protocol: VocProtocol,
    workers: int = 0,
    saved: Saved | None = None,
    progress: Progress = iter,
) -> dict[str, float]:
    """Trains layers of AlexNet on E's convolutions, and judges it.

    Args:
      model: of the architecture "alexnet", with E.
      trained: a key of `TRAINED`.
      train: images to train on.
      test: images to be judged by, of the same classes.
      protocol: how to train and judge.
      workers: processes that decode; 0 for threads of this process.
      saved: where the training is kept and gone on with; None for nowhere.
      progress: wraps the numbers of the steps.

    Returns:
      The average precision of each class that counts in a test image, 0 to 1, by name.

    Raises:
      ProbeError: the model has no such E, the sets have other classes, the loss is not finite, or
        another training is saved in that folder.
      bigbigan_jax.preemption.Stopped: it was told to stop, and is saved.
      bigbigan_jax.data.DataError: images cannot be read.
    """
    if train.names != test.names:
        raise ProbeError(f"classes to train on are {train.names}, those to judge by {test.names}")
    numbered = NumberedSource(train.source)
    check_images(numbered, protocol.batch_size, local_mesh().size)
    classifier, variables = classifier_on(model, len(LAYERS), len(train.names), protocol)
    size, channels, seed = protocol.image_size, model.networks.image_channels, protocol.seed
    presence = jnp.asarray(train.presence)
    training = SupervisedTraining(
        classifier,
        TRAINED[trained] or variables["params"].keys(),
        protocol.optimizer,
        lambda logits, numbers: multi_label_loss(logits, presence[numbers]),
        protocol.steps,
    )
    images = Images(numbered, size, channels, AUGMENTATION, protocol.batch_size, seed, workers)
    variables = training.run(variables, images, jax.random.key(seed), saved, progress)
    judged = dataclasses.replace(images, source=NumberedSource(test.source))
    scores = _summed_scores(classifier, variables, judged, protocol.crops)
    return average_precisions(scores, test)


def multi_label_loss(logits: jax.Array, presence: jax.Array) -> jax.Array:
    """Cross-entropy summed over the classes that count, the mean over images: a scalar.

    Args:
      logits: [B, classes].
      presence: int8 [B, classes], 1 where it is shown, 0 where not, -1 where it does not count.
    """
    losses = optax.sigmoid_binary_cross_entropy(logits, presence == 1)
    return jnp.where(presence >= 0, losses, 0).sum(axis=1).mean()


def average_precisions(scores: np.ndarray, shown: Shown) -> dict[str, float]:
    """The average precision of each class that some image shows, 0 to 1, by name.

    Args:
      scores: [N, classes], of the images of `shown`.
      shown: what is right.

    Raises:
      ProbeError: no image shows any class.
    """
    from sklearn.metrics import average_precision_score  # slow to import

    found = {}
    for name, of_class, right in zip(shown.names, scores.T, shown.presence.T, strict=True):
        counts = right >= 0
        if (right == 1).any():
            found[name] = float(average_precision_score(right[counts], of_class[counts]))
    if not found:
        raise ProbeError(f"{shown.source.name} split {shown.source.split!r} shows no class")
    return found


def _summed_scores(
    classifier: AlexNetClassifier, variables: Mapping[str, Any], images: Images, crops: int
) -> np.ndarray:
    """The logits of each image [N, classes], summed over random crops."""

    def logits(variables: Mapping[str, Any], x: jax.Array) -> dict[str, jax.Array]:
        return {"logits": classifier.apply(variables, scale_images(x), train=False)}

    program, count = jax.jit(logits), len(images.source)
    scores, left = np.zeros((count, classifier.num_classes)), count * crops
    seen = np.zeros(count, int)
    with images.batches() as batches:  # epoch by epoch: each image once in each
        while left:
            batch = next(batches)
            numbers = batch["label"][:left]
            of_batch = in_batches(program, variables, batch["image"][: len(numbers)])["logits"]
            np.add.at(scores, numbers, of_batch)
            np.add.at(seen, numbers, 1)
            left -= len(numbers)
    if not seen.all():
        source = images.source
        raise ProbeError(
            f"{source.name} split {source.split!r} record {seen.argmin()} cannot be judged: its "
            "image cannot be decoded"
        )
    return scores


def _twice_of_biases(path: tuple[Any, ...], update: jax.Array) -> jax.Array:
    return 2 * update if path[-1].key == "bias" else update
