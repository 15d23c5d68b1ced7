"""Some layers of a classifier trained on labels: what the transfer protocols of BiGAN share."""

import contextlib
import dataclasses
import os
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np
import optax

from bigbigan_jax.batches import local_mesh
from bigbigan_jax.checkpoints import CheckpointError, Checkpoints
from bigbigan_jax.data import Augmentation, Source, training_batches
from bigbigan_jax.mesh import replicated, split_axis
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.preemption import Preemption, Stopped
from bigbigan_jax.probe.errors import ProbeError

_SAVED_EVERY = 2000  # steps
Progress = Callable[[Sequence[int]], Iterable[int]]


@dataclasses.dataclass(frozen=True)
class SupervisedProtocol:
    """How layers of AlexNet are trained: stochastic gradient descent. Defaults are Caffe's AlexNet.

    Attributes:
      steps: updates.
      batch_size: images of an update, a multiple of the number of devices.
      image_size: side of the images.
      learning_rate: at first.
      momentum: of the gradients.
      weight_decay: L2, added to the gradients.
      units: of fc6 and fc7.
      dropout: share of them that is left out in training.
      seed: of the weights, of the order of images, of crops and of dropout.
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


@dataclasses.dataclass(frozen=True)
class Images:
    """Training images, cropped anew each time.

    Attributes:
      source: with labels.
      size: side of the crops.
      channels: 1 or 3.
      augmentation: how they are cropped.
      batch_size: a multiple of the number of devices.
      seed: of order and crops.
      workers: processes that decode; 0 for threads of this process.
    """

    source: Source
    size: int
    channels: int
    augmentation: Augmentation
    batch_size: int
    seed: int
    workers: int = 0

    def batches(self, start_step: int = 0) -> contextlib.closing:
        """A context with {"image": [B, S, S, C], "label": [B], …} from a step on, without end."""
        steps = training_batches(
            self.source,
            image_size=self.size,
            channels=self.channels,
            augmentation=self.augmentation,
            batch_size=self.batch_size,
            batches_per_step=1,
            seed=self.seed,
            start_step=start_step,
            workers=self.workers,
        )
        return contextlib.closing(_one_a_step(steps))


@dataclasses.dataclass(frozen=True)
class Saved:
    """Where a training is saved every 2,000 steps, at SIGTERM and at its end, to go on there.

    Attributes:
      folder: of this training alone.
      about: what it depends on; JSON-able.
    """

    folder: str | os.PathLike[str]
    about: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class SupervisedTraining:
    """Training of some layers of a classifier, the others staying as they are.

    Attributes:
      classifier: called with x and `train`; it has "params", "batch_stats" and dropout.
      trained: names of the submodules that are trained.
      optimizer: of their weights.
      loss: of logits [B, classes] and labels [B], a scalar.
      steps: updates.
    """

    classifier: nn.Module
    trained: Collection[str]
    optimizer: optax.GradientTransformation
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    steps: int

    def run(
        self,
        variables: Mapping[str, Any],
        images: Images,
        key: jax.Array,
        saved: Saved | None = None,
        progress: Progress = iter,
    ) -> dict[str, Any]:
        """Trains.

        Args:
          variables: of the classifier, "params" and "batch_stats".
          images: to train on.
          key: of dropout.
          saved: where the training is kept and gone on with; None for nowhere.
          progress: wraps the numbers of the steps that are left.

        Returns:
          The variables after training.

        Raises:
          ProbeError: the loss is not finite, or another training is saved in that folder.
          bigbigan_jax.preemption.Stopped: it was told to stop, and is saved.
          bigbigan_jax.data.DataError: images cannot be read.
        """
        mesh = local_mesh()
        # Through the host: those of a model may be tied to other devices.
        variables = jax.device_put(jax.tree.map(np.asarray, dict(variables)), replicated(mesh))
        params = variables["params"]
        trained = {name: params[name] for name in self.trained}
        fixed = {name: layer for name, layer in params.items() if name not in trained}
        optimizer = jax.jit(self.optimizer.init, out_shardings=replicated(mesh))(trained)
        state = _State(trained, variables["batch_stats"], optimizer)
        update = jax.jit(self._update, donate_argnums=0)
        losses: deque[tuple[int, jax.Array]] = deque()
        with contextlib.ExitStack() as stack:
            start, checkpoints, preemption = 0, None, Preemption()
            if saved:
                stack.enter_context(preemption)  # else SIGTERM ends the process
                checkpoints = Checkpoints(saved.folder, keep_last=1, keep_every=None)
                start, state = _restored(stack.enter_context(checkpoints), saved, state)
            batches = stack.enter_context(images.batches(start))
            for step in progress(range(start, self.steps)):
                batch = next(batches)
                x, labels = (
                    jax.device_put(batch[name], split_axis(mesh)) for name in ("image", "label")
                )
                state, loss = update(state, fixed, x, labels, jax.random.fold_in(key, step))
                losses.append((step, loss))
                last = step + 1 == self.steps
                stop = preemption.reached() and not last
                due = stop or last or (step + 1) % _SAVED_EVERY == 0
                # A step late, so that the device need not wait; never later, or batches pile up.
                while len(losses) > (0 if due else 1):
                    _check_finite(*losses.popleft())
                if checkpoints and due:
                    checkpoints.save(step + 1, state, dict(saved.about))
                if stop:
                    raise Stopped
        return {"params": {**fixed, **state.params}, "batch_stats": state.batch_stats}

    def _update(
        self,
        state: "_State",
        fixed: dict[str, Any],
        images: jax.Array,
        labels: jax.Array,
        key: jax.Array,
    ) -> tuple["_State", jax.Array]:
        """The next state, and the loss of the batch."""

        def loss(params: dict[str, Any]) -> tuple[jax.Array, Any]:
            logits, updated = self.classifier.apply(
                {"params": {**fixed, **params}, "batch_stats": state.batch_stats},
                scale_images(images),
                train=True,
                mutable=["batch_stats"],
                rngs={"dropout": key},
            )
            return self.loss(logits, labels), updated["batch_stats"]

        (value, statistics), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        updates, optimizer = self.optimizer.update(gradient, state.optimizer, state.params)
        return _State(optax.apply_updates(state.params, updates), statistics, optimizer), value


def _check_finite(step: int, loss: jax.Array) -> None:
    if not np.isfinite(loss):
        raise ProbeError(f"the loss is {loss} in step {step + 1}")


class _State(NamedTuple):
    params: dict[str, Any]
    batch_stats: dict[str, Any]
    optimizer: Any


def _restored(checkpoints: Checkpoints, saved: Saved, state: _State) -> tuple[int, _State]:
    """The number of finished steps, and the state after them."""
    try:
        about = checkpoints.metadata() or saved.about
        for name, value in saved.about.items():
            if about.get(name) != value:
                raise ProbeError(
                    f"{saved.folder} has a training with {name} {about.get(name)!r}, not {value!r};"
                    " take another folder, or move it away"
                )
        found = checkpoints.restore(state)
        return (checkpoints.latest_step(), found[0]) if found else (0, state)
    except CheckpointError as error:
        raise ProbeError(str(error)) from error


def _one_a_step(steps: Generator) -> Generator[dict[str, np.ndarray], None, None]:
    with contextlib.closing(steps):
        for step in steps:
            yield {name: array[0] for name, array in step.items()}
