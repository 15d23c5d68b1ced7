"""BiGAN's protocol on ImageNet (arXiv 1605.09782, section 4.3): AlexNet on layers of a trained E.

conv1 to convN are those of E and stay as they are, BatchNorm by E's stored statistics; all after
them start anew and are trained on labels.

The rest is a decision: images are of 224 px; the rate, its falls, momentum and decay are those that
Caffe trains AlexNet by.
"""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import optax

from bigbigan_jax.batches import in_batches, local_mesh
from bigbigan_jax.data import Augmentation, Source, evaluation_batches
from bigbigan_jax.hub import Model
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.probe.alexnet_classifier import (
    AlexNetClassifier,
    check_images,
    classifier_on,
    convolutional,
)
from bigbigan_jax.probe.linear import Accuracy
from bigbigan_jax.probe.supervised import (
    Images,
    Progress,
    Saved,
    SupervisedProtocol,
    SupervisedTraining,
)

# Crops of 227 px of images whose short side is 256 px, mirrored every second time: Caffe's.
AUGMENTATION = Augmentation(None, (1.0, 1.0), "bicubic", flip=True, side=(227 / 256, 227 / 256))
_JUDGED_AT_ONCE = 256
_TOP = 5


@dataclasses.dataclass(frozen=True)
class TransferProtocol(SupervisedProtocol):
    """How the layers after the frozen ones are trained."""

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """The rate falls to a tenth after each 2/9 of the steps; decay is of kernels alone."""
        every = max(1, self.steps * 2 // 9)
        rate = optax.exponential_decay(self.learning_rate, every, 0.1, staircase=True)
        return optax.chain(
            optax.add_decayed_weights(
                self.weight_decay, lambda params: jax.tree.map(lambda param: param.ndim > 1, params)
            ),
            optax.sgd(rate, self.momentum),
        )


@dataclasses.dataclass(frozen=True)
class Transferred:
    """A trained classifier.

    Attributes:
      classifier: the network.
      variables: its "params" and "batch_stats".
      image_size: side of the images that it was trained on.
      channels: of them.
    """

    classifier: AlexNetClassifier
    variables: Mapping[str, Any]
    image_size: int
    channels: int

    def accuracy(self, source: Source) -> Accuracy:
        """How often it is right, by the centre crops of all images of a source with labels."""
        program = jax.jit(lambda variables, x: {"best": self._best(variables, x)})
        batches = evaluation_batches(
            source,
            image_size=self.image_size,
            channels=self.channels,
            batch_size=_JUDGED_AT_ONCE,
        )
        right = np.zeros(2)
        with contextlib.closing(batches):
            for batch in batches:
                best = in_batches(program, self.variables, batch["image"])["best"]
                hits = best == batch["label"][:, None]
                right += [hits[:, 0].sum(), hits.any(axis=1).sum()]
        return Accuracy(*(right / len(source)).tolist())

    def _best(self, variables: Mapping[str, Any], images: jax.Array) -> jax.Array:
        logits = self.classifier.apply(variables, scale_images(images), train=False)
        return jax.lax.top_k(logits, min(_TOP, logits.shape[-1]))[1]


def train_transferred(
    model: Model,
    frozen: int,
    train: Source,
    protocol: TransferProtocol,
    workers: int = 0,
    saved: Saved | None = None,
    progress: Progress = iter,
) -> Transferred:
    """Trains what comes after the first layers of a model's E.

    Args:
      model: of the architecture "alexnet", with E.
      frozen: how many of E's convolutions are taken, 0 to 5.
      train: images with labels.
      protocol: how to train.
      workers: processes that decode; 0 for threads of this process.
      saved: where the training is kept and gone on with; None for nowhere.
      progress: wraps the numbers of the steps.

    Raises:
      ProbeError: the model has no such E, the source no labels, the loss is not finite, or another
        training is saved in that folder.
      bigbigan_jax.preemption.Stopped: it was told to stop, and is saved.
      bigbigan_jax.data.DataError: images cannot be read.
    """
    check_images(train, protocol.batch_size, local_mesh().size)
    classifier, variables = classifier_on(model, frozen, train.num_classes, protocol)
    size, channels, seed = protocol.image_size, model.networks.image_channels, protocol.seed
    layers = variables["params"].keys()
    training = SupervisedTraining(
        classifier,
        layers - convolutional(layers, frozen),
        protocol.optimizer,
        _cross_entropy,
        protocol.steps,
    )
    images = Images(train, size, channels, AUGMENTATION, protocol.batch_size, seed, workers)
    variables = training.run(variables, images, jax.random.key(seed), saved, progress)
    return Transferred(classifier, variables, size, channels)


def _cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
