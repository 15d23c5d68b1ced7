"""The linear probe: a classifier on frozen features (arXiv 1907.02544).

Weights from zero, softmax cross-entropy, Adam at a constant rate, an average of the weights that
is what is evaluated. Several rates are trained side by side by one program, on the same batches.
"""

import contextlib
import dataclasses
import functools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bigbigan_jax.models.features import bn_crelu
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.features import Features, TrainingSet, check_same_kind

TABLE_2_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
_PART = 2048  # images judged at a time
_TOP = 5
_AHEAD = 2  # updates that may be under way

Transform = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class LinearProtocol:
    """How a linear probe is trained.

    Attributes:
      steps: updates.
      rates: of Adam; one classifier for each.
      batch_size: images of an update.
      ema_decay: of the average of the weights.
      l2: weight of half the squared norm of the kernel in the loss.
      judge_every: steps between two judgements for early stopping; 0 for the end alone.
      seed: of the order of images.
    """

    steps: int
    rates: tuple[float, ...]
    batch_size: int = 2048
    ema_decay: float = 0.9999
    l2: float = 0.0
    judge_every: int = 0
    seed: int = 0


TABLE_1 = LinearProtocol(steps=5_000, rates=(1e-2,))
TABLE_2 = LinearProtocol(steps=100_000, rates=TABLE_2_RATES, judge_every=1000)


class Accuracy(NamedTuple):
    """Shares of images whose label is the first guess, and among the first five."""

    top1: float
    top5: float


@dataclasses.dataclass(frozen=True)
class LinearProbe:
    """A trained classifier.

    Attributes:
      kernel: [F', classes], F' of the transformed features.
      bias: [classes].
      rate: at which it was trained.
      step: after which it was taken.
      judged: its accuracy on the images by which rate and step were chosen.
      transform: from features [B, F] to [B, F'].
    """

    kernel: jax.Array
    bias: jax.Array
    rate: float
    step: int
    judged: Accuracy
    transform: Transform

    def accuracy(self, features: Features) -> Accuracy:
        """How often it is right."""
        weights = {"kernel": self.kernel[None], "bias": self.bias[None]}
        return _judge(weights, self.transform, features)[0]


def plain(features: jax.Array) -> jax.Array:
    """Features as they are: AvePool."""
    return features


def normalized_crelu(train: TrainingSet) -> Transform:
    """BN+CReLU, by the moments of the features of training images."""
    mean, variance = (jnp.asarray(moment, jnp.float32) for moment in train.moments())
    return functools.partial(bn_crelu, mean=mean, variance=variance)


def train_linear(
    train: TrainingSet,
    judge: Features,
    protocol: LinearProtocol,
    transform: Transform = plain,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> LinearProbe:
    """Trains classifiers at all rates and takes the best.

    Args:
      train: what to train on.
      judge: by which rate and step are chosen (top-1), such as images held out of training.
      protocol: how to train.
      transform: applied to features on the device.
      progress: wraps the numbers of the steps.

    Returns:
      The classifier with the averaged weights of the best rate and step.

    Raises:
      ProbeError: the features do not fit together or are not finite.
    """
    check_same_kind({"the training set": train, "the set to choose by": judge})
    width = jax.eval_shape(transform, jax.ShapeDtypeStruct((1, train.width), jnp.float32)).shape[1]
    state = _initial(len(protocol.rates), width, train.num_classes)
    best: LinearProbe | None = None
    under_way: deque[jax.Array] = deque()
    with contextlib.closing(train.batches(protocol.batch_size, protocol.seed)) as batches:
        for step in progress(range(1, protocol.steps + 1)):
            state, losses = _update(protocol, transform, state, *next(batches))
            # Or batches would pile up on a device that is slower than the host.
            under_way.append(losses)
            if len(under_way) > _AHEAD and not np.isfinite(under_way.popleft()).all():
                raise ProbeError("the loss is not finite: features hold NaN or infinity")
            due = protocol.judge_every and step % protocol.judge_every == 0
            if not due and step < protocol.steps:
                continue
            weights = _unbiased(state.average, protocol.ema_decay, step)
            for i, accuracy in enumerate(_judge(weights, transform, judge)):
                if best is None or accuracy.top1 > best.judged.top1:
                    kernel, bias = weights["kernel"][i], weights["bias"][i]
                    rate = float(protocol.rates[i])
                    best = LinearProbe(kernel, bias, rate, step, accuracy, transform)
    return best


class _State(NamedTuple):
    weights: dict[str, jax.Array]
    adam: Any
    average: dict[str, jax.Array]


def _initial(rates: int, width: int, classes: int) -> _State:
    weights = {
        "kernel": jnp.zeros((rates, width, classes)),
        "bias": jnp.zeros((rates, classes)),
    }
    # Arrays of their own, as all are donated.
    return _State(weights, optax.scale_by_adam().init(weights), jax.tree.map(jnp.copy, weights))


@functools.partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def _update(
    protocol: LinearProtocol,
    transform: Transform,
    state: _State,
    features: jax.Array,
    labels: jax.Array,
) -> tuple[_State, jax.Array]:
    """The next state, and the mean losses of the batch by rate."""
    x, rates = transform(features), jnp.asarray(protocol.rates, jnp.float32)

    def loss(weights: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        logits = _logits(weights, x)
        losses = optax.softmax_cross_entropy_with_integer_labels(
            logits, jnp.broadcast_to(labels[None], logits.shape[:2])
        )
        losses = losses.mean(axis=1)
        # The sum over rates: the gradient of each is its own.
        return losses.sum() + 0.5 * protocol.l2 * (weights["kernel"] ** 2).sum(), losses

    gradient, losses = jax.grad(loss, has_aux=True)(state.weights)
    directions, adam = optax.scale_by_adam().update(gradient, state.adam)

    def moved(weight: jax.Array, direction: jax.Array) -> jax.Array:
        return weight - rates.reshape(-1, *[1] * (weight.ndim - 1)) * direction

    weights = jax.tree.map(moved, state.weights, directions)
    average = optax.incremental_update(weights, state.average, 1 - protocol.ema_decay)
    return _State(weights, adam, average), losses


def _unbiased(average: dict[str, jax.Array], decay: float, step: int) -> dict[str, jax.Array]:
    """An average that started from zero, like the weights, without what that start weighs."""
    return jax.tree.map(lambda a: a / (1 - decay**step), average)


def _logits(weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """[rates, B, classes]."""
    return jnp.einsum("bf,rfc->rbc", x, weights["kernel"]) + weights["bias"][:, None]


@functools.partial(jax.jit, static_argnums=1)
def _hits(
    weights: dict[str, jax.Array], transform: Transform, features: jax.Array, labels: jax.Array
) -> jax.Array:
    """How many labels are the first, and among the first five guesses: [2, rates]."""
    logits = _logits(weights, transform(features))
    top = min(_TOP, logits.shape[-1])
    right = jax.lax.top_k(logits, top)[1] == labels[None, :, None]
    return jnp.stack([right[..., 0].sum(axis=1), right.any(axis=-1).sum(axis=1)])


def _judge(
    weights: dict[str, jax.Array], transform: Transform, features: Features
) -> list[Accuracy]:
    """The accuracy at each rate."""
    hits = 0
    for start in range(0, len(features), _PART):
        part = slice(start, start + _PART)
        labels = np.asarray(features.labels[part], np.int32)
        hits = hits + np.asarray(_hits(weights, transform, features.rows(part), labels))
    return [Accuracy(float(a), float(b)) for a, b in (hits / len(features)).T]
