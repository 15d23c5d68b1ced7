"""The released RevNet-50×4 model: "RevNet ×4 ↑E LR" of Table 1 (arXiv 1907.02544).

    python main.py --config=configs/revnet50x4.py --workdir=gs://…

As configs/resnet50.py but for E, whose trunk is reversible and four times as wide.
Needs: imagenet2012 prepared for TFDS as ArrayRecord; a TPU slice (docs/tpu.md has what fits).
The paper's numbers: IS 23.08, FID 28.54, linear probe 60.15 % (top-1, train-val); Table 2,
official validation: top-1 60.8 % from AvePool features, 61.3 % from BN+CReLU.
"""

from bigbigan_jax.config import default_config


def get_config():
    """The defaults with another encoder."""
    config = default_config()
    config.model.encoder.trunk = "revnet50"
    config.model.encoder.width = 4.0

    config.fid.every = 5_000
    config.probe.every = 25_000
    config.checkpoint.best_metric = "probe/top-1"
    config.checkpoint.best_mode = "max"
    return config
