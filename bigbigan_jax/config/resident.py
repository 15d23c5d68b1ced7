"""What configurations share whose whole data set stays on the device."""

from ml_collections import ConfigDict


def keep_on_device(config: ConfigDict, name: str, steps_at_once: int, programs: int) -> None:
    """Sets a configuration to read a data set of small images once, and to train in long programs.

    Args:
      config: to be changed.
      name: of the data set; its split "test" is held out.
      steps_at_once: steps of a program; metrics are written after each.
      programs: how many of them are between checkpoints, and between sheets of images.
    """
    config.training.steps_at_once = steps_at_once

    config.data.name = name
    config.data.eval_split = "test"
    config.data.augmentation = "none"
    config.data.on_device = True
    config.data.workers = 0

    every = programs * steps_at_once
    config.checkpoint.every = every
    config.checkpoint.keep_every = 0
    config.log.every = steps_at_once
    config.log.monitor_every = every
    config.log.sheets_every = every
    config.scores = ("labels",)
