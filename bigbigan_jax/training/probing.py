"""The linear probe of Table 1 while E is trained (arXiv 1907.02544, section 4).

A classifier on E's frozen features, from zero each time, judged on images held out of its training.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
from absl import logging
from jax.sharding import Mesh

from bigbigan_jax.config import ConfigError
from bigbigan_jax.data import AUGMENTATIONS, Augmentation, Source, open_source
from bigbigan_jax.preemption import Stopped
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.image_features import AugmentedFeatures, ImageFeatures
from bigbigan_jax.probe.linear import TABLE_1, LinearProtocol, train_linear
from bigbigan_jax.progress import tracked
from bigbigan_jax.training.family import Family
from bigbigan_jax.training.programs import Programs
from bigbigan_jax.training.random_streams import stream


@dataclasses.dataclass(frozen=True)
class Probing:
    """See `bigbigan_jax.training.evaluations.Evaluation`.

    Attributes:
      every: steps between two probes.
      family: with an encoder.
      programs: its methods, jitted.
      mesh: of all devices.
      train: images to train the classifier on.
      train_val: images to judge it by.
      protocol: how it is trained.
      augmentation: how its training images are cropped.
      workers: processes that decode them.
    """

    every: int
    family: Family
    programs: Programs
    mesh: Mesh
    train: Source
    train_val: Source
    protocol: LinearProtocol
    augmentation: Augmentation
    workers: int

    metrics = ("probe/top-1", "probe/top-5")

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], family: Family, programs: Programs, mesh: Mesh
    ) -> "Probing":
        """Builds it from a validated configuration whose `probe.every` is not 0.

        Raises:
          ConfigError: there is nothing to probe, or no labels to probe for.
          bigbigan_jax.data.DataError: there are no such images.
        """
        probe, data = config["probe"], config["data"]
        every, batch_size = probe["every"], probe["batch_size"]
        if not family.has_encoder:
            raise ConfigError(
                f"config.probe.every is {every}, but there is no encoder to probe; set it to 0 "
                "(and checkpoint.best_metric to another)"
            )
        sources = [
            open_source(data["name"], split, data["data_dir"] or None)
            for split in ("train_without_val", "train_val")
        ]
        if sources[0].num_classes is None:
            raise ConfigError(
                f"config.probe.every is {every}, but {data['name']} has no labels to probe for; "
                "set it to 0 (and checkpoint.best_metric to another)"
            )
        if batch_size % mesh.size:
            raise ConfigError(
                f"config.probe.batch_size is {batch_size}; it must be a multiple of the number of "
                f"devices, {mesh.size}"
            )
        protocol = dataclasses.replace(TABLE_1, steps=probe["steps"], batch_size=batch_size)
        augmentation = AUGMENTATIONS[probe["augmentation"]]
        return cls(
            every=every,
            family=family,
            programs=programs,
            mesh=mesh,
            train=sources[0],
            train_val=sources[1],
            protocol=protocol,
            augmentation=augmentation,
            workers=data["workers"],
        )

    def __call__(
        self, state: Any, images: jax.Array, key: jax.Array, stopped: Callable[[], bool]
    ) -> dict[str, float]:
        key = stream(key, "probe", state.step)
        variables = self.programs.evaluation_variables(state, images, key)
        features = ImageFeatures(
            functools.partial(self.programs.features, variables),
            self.family.image_size,
            self.family.image_channels,
            self.mesh,
        )
        train = AugmentedFeatures(features, self.train, self.augmentation, self.workers)
        try:
            judge = features.of_all(self.train_val, self.protocol.batch_size, self.workers)
            probe = train_linear(
                train, judge, self.protocol, progress=functools.partial(_until, stopped)
            )
        except Stopped:
            return {}
        except ProbeError as error:
            logging.warning("no probe: %s", error)
            return dict.fromkeys(self.metrics, float("nan"))
        return dict(zip(self.metrics, probe.judged, strict=True))

    def last_good(self, found: Mapping[int, Mapping[str, float]]) -> None:
        """Accuracy comes and goes: nothing is said."""


def _until(stopped: Callable[[], bool], steps: Sequence[int]) -> Iterator[int]:
    """The steps, shown by process 0.

    Raises:
      Stopped: the run was told to stop.
    """
    shown: Iterable[int] = steps
    if jax.process_index() == 0:
        shown = tracked(steps, len(steps), "linear probe", unit="steps")
    for step in shown:
        if stopped():
            raise Stopped
        yield step
