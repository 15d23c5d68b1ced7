"""A quick FID while a model trains, to notice when its samples collapse.

Fewer samples, and by default narrower features, than the FID of the papers
(arXiv 1706.08500): its numbers are to be compared among themselves alone.
"""

import contextlib
import dataclasses
import functools
import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from absl import logging
from etils import epath
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from bigbigan_jax.config import ConfigError
from bigbigan_jax.data import AUGMENTATIONS, Source, training_batches
from bigbigan_jax.inception import DEFAULT, InceptionWeights, WeightsError, read_weights
from bigbigan_jax.inception.features import needed_params, outputs_of
from bigbigan_jax.mesh import replicated, split_axis
from bigbigan_jax.preemption import Stopped
from bigbigan_jax.scores import FrechetReference, Moments, ScoreError, warn_if_few
from bigbigan_jax.training.family import Family
from bigbigan_jax.training.programs import Programs
from bigbigan_jax.training.random_streams import stream

_AT_ONCE = 64  # images a device


@dataclasses.dataclass(frozen=True)
class FidWatch:
    """See `bigbigan_jax.training.evaluations.Evaluation`.

    Attributes:
      every: steps between two.
      family: what is trained.
      programs: its methods, jitted.
      mesh: of all devices.
      source: training images.
      weights: of Inception.
      width: of its features.
      samples: how many, and how many training images.
      jump: times the best so far that is alarming.
    """

    every: int
    family: Family
    programs: Programs
    mesh: Mesh
    source: Source
    weights: InceptionWeights
    width: int
    samples: int
    jump: float

    @property
    def metrics(self) -> tuple[str]:
        """Its one metric."""
        return (f"fid_{self.width}/quick",)

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        family: Family,
        programs: Programs,
        mesh: Mesh,
        source: Source,
    ) -> "FidWatch | None":
        """Builds it from a validated configuration whose `fid.every` is not 0.

        Returns:
          The watch; None, with a warning, where there are no weights of Inception.

        Raises:
          ConfigError: the weights are damaged, end before the features wanted, or are not the same
            on every host.
        """
        fid = config["fid"]
        weights = _agreed_weights(epath.Path(fid["inception"] or DEFAULT), fid["width"])
        if weights is None:
            return None
        return cls(
            every=fid["every"],
            family=family,
            programs=programs,
            mesh=mesh,
            source=source,
            weights=weights,
            width=fid["width"],
            samples=fid["samples"],
            jump=fid["jump"],
        )

    def __call__(
        self, state: Any, images: jax.Array, key: jax.Array, stopped: Callable[[], bool]
    ) -> dict[str, float]:
        key = stream(key, "fid")  # the same z at every step
        variables = self.programs.evaluation_variables(state, images, key)
        keys = (jax.random.fold_in(key, number) for number in itertools.count())
        samples = (self.programs.sample(variables, each, self._batch_size) for each in keys)
        (name,) = self.metrics
        try:
            reference = self._reference(stopped)
            found = self._moments(samples, stopped)
            return {name: reference.distance(found)}
        except Stopped:
            return {}
        except ScoreError as error:
            logging.warning("no FID: %s", error)
            return {name: float("nan")}

    def last_good(self, found: Mapping[int, Mapping[str, float]]) -> int | None:
        """The newest step whose FID is at most `jump` times the best of the checkpoints."""
        (name,) = self.metrics
        known = {step: metrics[name] for step, metrics in found.items() if name in metrics}
        limit = self.jump * min(filter(math.isfinite, known.values()), default=math.inf)
        return max((step for step, value in known.items() if value <= limit), default=None)

    def _reference(self, stopped: Callable[[], bool]) -> FrechetReference:
        if not self._kept:
            with contextlib.closing(self._training_images()) as images:
                moments = self._moments(images, stopped)
            warn_if_few(self.samples, [self.width], "FID in training")
            self._kept.append(FrechetReference(moments))
        return self._kept[0]

    @functools.cached_property
    def _kept(self) -> list[FrechetReference]:
        """The reference, once it is known."""
        return []

    @property
    def _batch_size(self) -> int:
        devices = self.mesh.size
        return min(_AT_ONCE, -(-self.samples // devices)) * devices

    def _training_images(self) -> Iterator[jax.Array]:
        batches = training_batches(
            self.source,
            image_size=self.family.generated_size,
            channels=self.family.image_channels,
            augmentation=AUGMENTATIONS["none"],
            batch_size=self._batch_size,
            batches_per_step=1,
            seed=0,
            start_step=0,
            host=jax.process_index(),
            hosts=jax.process_count(),
        )
        with contextlib.closing(batches):
            for batch in batches:
                images = batch["image"][0]
                yield jax.make_array_from_process_local_data(split_axis(self.mesh), images)

    def _moments(self, batches: Iterator[jax.Array], stopped: Callable[[], bool]) -> Moments:
        """Moments of the features of the first `samples` images."""
        features = []
        for _ in range(-(-self.samples // self._batch_size)):
            if stopped():
                raise Stopped
            features.append(np.asarray(self._features(self._params, next(batches))))
        return Moments.of(np.concatenate(features)[: self.samples])

    @functools.cached_property
    def _params(self) -> Any:
        return jax.device_put(needed_params(self.weights, self.width), replicated(self.mesh))

    @functools.cached_property
    def _features(self) -> Callable[[Any, jax.Array], jax.Array]:
        def features(params: Any, images: jax.Array) -> jax.Array:
            # Samples come whole on every device.
            images = jax.lax.with_sharding_constraint(images, split_axis(self.mesh))
            return outputs_of(params, images, self.width)[self.width]

        return jax.jit(features, out_shardings=replicated(self.mesh))


def _agreed_weights(path: epath.Path, width: int) -> InceptionWeights | None:
    """The weights, the same on every host; raises in all processes if it does in one."""
    path, weights, problem = path.expanduser(), None, ""
    try:
        if path.exists():
            weights = read_weights(path)
            weights.check((width,))
    except (WeightsError, OSError) as error:
        problem = str(error)
    number = -1 if problem else zlib.crc32(weights.fingerprint.encode()) if weights else 0
    numbers = multihost_utils.process_allgather(np.array([number]).view(np.uint32))
    if problem or len(np.unique(numbers.reshape(-1, 2), axis=0)) > 1:
        problem = problem or f"{path} is not the same on every host"
        raise ConfigError(f"config.fid.inception: {problem}")
    if weights is None:
        logging.warning(
            "no FID in training: there is no %s; `python -m bigbigan_jax.inception` downloads it, "
            "or set config.fid.inception",
            path,
        )
    return weights
