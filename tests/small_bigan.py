"""BiGAN and the baselines of its table, as small as they come, on digits that stay on the device.

A file of rows as `configs/bigan_mnist.py` is one.
"""

import runpy
from pathlib import Path

FILE = Path(__file__).parents[1] / "configs" / "bigan_mnist.py"
ROWS = runpy.run_path(str(FILE))["ROWS"]


def get_config(row="bigan"):
    """Eight steps, four in a program."""
    config = runpy.run_path(str(FILE))["get_config"](row)
    config.steps = 8
    config.batch_size = 16
    config.model.update({"image_size": 8, "z_dim": 4, "width": 8})
    config.training.steps_at_once = 4
    if config.family == "bigan":
        config.training.statistics_batches = 4
    config.data.update({"name": "digits", "eval_split": "test"})
    config.checkpoint.every = 4
    config.log.update({"every": 4, "monitor_every": 4, "sheets_every": 8})
    config.scores = ()
    return config
