"""BiGAN's protocol on ImageNet (arXiv 1605.09782, section 4.3): AlexNet on layers of a trained E.

conv1 to convN are those of E and stay as they are, BatchNorm by E's stored statistics; all after
them start anew and are trained on labels.

The rest is a decision: AlexNet is E's, with its padding and BatchNorm, and from conv5 on Caffe's
(pool5, fc6 and fc7 of 4096 units with dropout, fc8); images are of 224 px; the rate, its falls,
momentum and decay are those that Caffe trains AlexNet by.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from bigbigan_jax.batches import in_batches, local_mesh
from bigbigan_jax.data import Augmentation, Source, evaluation_batches, training_batches
from bigbigan_jax.hub import Model
from bigbigan_jax.mesh import split_axis
from bigbigan_jax.models.alexnet import LAYERS, AlexNetEncoder, alexnet_layer
from bigbigan_jax.models.bigan_layers import leaky_relu
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.models.linear import Dense
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.linear import Accuracy

# Crops of 227 px of images whose short side is 256 px, mirrored every second time: Caffe's.
AUGMENTATION = Augmentation(None, (1.0, 1.0), "bicubic", flip=True, side=227 / 256)
_JUDGED_AT_ONCE = 256
_TOP = 5


@dataclasses.dataclass(frozen=True)
class TransferProtocol:
    """How the layers after the frozen ones are trained: stochastic gradient descent.

    Attributes:
      steps: updates; after each 2/9 of them the rate falls to a tenth.
      batch_size: images of an update, a multiple of the number of devices.
      image_size: side of the images.
      learning_rate: at first.
      momentum: of the gradients.
      weight_decay: L2, added to the gradients of kernels.
      units: of fc6 and fc7.
      dropout: share of them that is left out in training.
      seed: of the weights, of the order of images and of dropout.
    """

    steps: int = 450_000
    batch_size: int = 256
    image_size: int = 224
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    units: int = 4096
    dropout: float = 0.5
    seed: int = 0

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """Of the layers that are trained."""
        every = max(1, self.steps * 2 // 9)
        rate = optax.exponential_decay(self.learning_rate, every, 0.1, staircase=True)
        return optax.chain(
            optax.add_decayed_weights(
                self.weight_decay, lambda params: jax.tree.map(lambda param: param.ndim > 1, params)
            ),
            optax.sgd(rate, self.momentum),
        )


class AlexNetClassifier(nn.Module):
    """AlexNet, whose first layers are in evaluation mode whatever the others are in.

    Called with x [B, H, W, C] in [-1, 1] and `train`; returns logits [B, num_classes] float32.
    In training it needs a key "dropout".

    Attributes:
      num_classes: of the labels.
      frozen: how many of its convolutions are frozen, 0 to 5.
      width: factor on the channels, as of the E that they are from.
      units: of fc6 and fc7.
      dropout: share of them that is left out in training.
      dtype: of the convolutions.
    """

    num_classes: int
    frozen: int
    width: float = 1.0
    units: int = 4096
    dropout: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        for number, name in enumerate(LAYERS, start=1):
            x = alexnet_layer(name, x, train and number > self.frozen, self.width, self.dtype)
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        x = x.reshape(len(x), -1).astype(jnp.float32)
        for name in ("fc6", "fc7"):
            x = leaky_relu(Dense(self.units, name=name, dtype=jnp.float32)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Dense(self.num_classes, name="fc8", dtype=jnp.float32)(x)

    def is_frozen(self, layer: str) -> bool:
        """Whether the submodule of a name, such as "norm2", is of a frozen layer."""
        return layer.startswith(("convolution", "norm")) and int(layer[-1]) <= self.frozen


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
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Transferred:
    """Trains what comes after the first layers of a model's E.

    Args:
      model: of the architecture "alexnet", with E.
      frozen: how many of E's convolutions are taken, 0 to 5.
      train: images with labels.
      protocol: how to train.
      workers: processes that decode; 0 for threads of this process.
      progress: wraps the numbers of the steps.

    Raises:
      ProbeError: the model has no such E, the source no labels, or the loss is not finite.
      bigbigan_jax.data.DataError: images cannot be read.
    """
    encoder, mesh = model.networks.encoder, local_mesh()
    _check(encoder, frozen, train, protocol, mesh.size)
    classifier = AlexNetClassifier(
        train.num_classes, frozen, encoder.width, protocol.units, protocol.dropout, encoder.dtype
    )
    channels, key = model.networks.image_channels, jax.random.key(protocol.seed)
    shape = (1, protocol.image_size, protocol.image_size, channels)
    variables = jax.jit(lambda key: classifier.init(key, jnp.zeros(shape), train=False))(key)
    params, statistics = (
        _with_frozen(classifier, variables[name], model.variables["encoder"][name])
        for name in ("params", "batch_stats")
    )
    fixed = {name: layer for name, layer in params.items() if classifier.is_frozen(name)}
    trained = {name: layer for name, layer in params.items() if name not in fixed}
    state = _State(trained, statistics, protocol.optimizer.init(trained))
    batches = training_batches(
        train,
        image_size=protocol.image_size,
        channels=channels,
        augmentation=AUGMENTATION,
        batch_size=protocol.batch_size,
        batches_per_step=1,
        seed=protocol.seed,
        start_step=0,
        workers=workers,
    )
    with contextlib.closing(batches):
        for step in progress(range(protocol.steps)):
            batch = next(batches)
            images, labels = (
                jax.device_put(batch[name][0], split_axis(mesh)) for name in ("image", "label")
            )
            of_step = jax.random.fold_in(key, step)
            state, loss = _update(classifier, protocol, state, fixed, images, labels, of_step)
            if not np.isfinite(loss):  # waits for the step, so that batches do not pile up
                raise ProbeError(f"the loss is {loss} in step {step + 1}")
    variables = {"params": {**fixed, **state.params}, "batch_stats": state.batch_stats}
    return Transferred(classifier, variables, protocol.image_size, channels)


class _State(NamedTuple):
    params: dict[str, Any]
    batch_stats: dict[str, Any]
    optimizer: Any


@functools.partial(jax.jit, static_argnums=(0, 1))
def _update(
    classifier: AlexNetClassifier,
    protocol: TransferProtocol,
    state: _State,
    fixed: dict[str, Any],
    images: jax.Array,
    labels: jax.Array,
    key: jax.Array,
) -> tuple[_State, jax.Array]:
    """The next state, and the mean loss of the batch."""

    def loss(params: dict[str, Any]) -> tuple[jax.Array, Any]:
        logits, updated = classifier.apply(
            {"params": {**fixed, **params}, "batch_stats": state.batch_stats},
            scale_images(images),
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), updated["batch_stats"]

    (value, statistics), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
    updates, optimizer = protocol.optimizer.update(gradient, state.optimizer, state.params)
    return _State(optax.apply_updates(state.params, updates), statistics, optimizer), value


def _with_frozen(
    classifier: AlexNetClassifier, fresh: Mapping[str, Any], of_e: Mapping[str, Any]
) -> dict[str, Any]:
    """Fresh layers by name, the frozen ones replaced by those of E."""
    # Through the host: E's may be tied to other devices.
    return {
        name: jax.tree.map(lambda value: jnp.asarray(np.asarray(value)), of_e[name])
        if classifier.is_frozen(name)
        else layer
        for name, layer in fresh.items()
    }


def _check(
    encoder: Any, frozen: int, train: Source, protocol: TransferProtocol, devices: int
) -> None:
    if not isinstance(encoder, AlexNetEncoder):
        raise ProbeError("the model's encoder is no AlexNet: model.architecture must be 'alexnet'")
    if not 0 <= frozen <= len(LAYERS):
        raise ProbeError(f"{frozen} layers to freeze; it must be from 0 to {len(LAYERS)}")
    if train.num_classes is None:
        raise ProbeError(f"{train.name} split {train.split!r} has no labels to train on")
    if protocol.batch_size % devices:
        raise ProbeError(
            f"a batch of {protocol.batch_size} images cannot be split over {devices} devices"
        )
