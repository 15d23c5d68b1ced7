"""The released ResNet-50 model: "ResNet ↑E LR" of Table 1 (arXiv 1907.02544).

    python main.py --config=configs/resnet50.py --workdir=gs://…

G and D at 128 px, E at 256 px, batch 2048, 500K steps on ImageNet without labels.
Needs: imagenet2012 prepared for TFDS as ArrayRecord; a TPU slice (the paper: 32 to 512 cores).
The paper's numbers: IS 23.27, FID 28.51, linear probe 53.70 % (top-1, train-val); Table 2,
official validation: top-1 55.4 % from AvePool features, 56.6 % from BN+CReLU.
"""

from bigbigan_jax.config import default_config


def get_config():
    """The defaults are this model; the checkpoint of the best linear probe is kept."""
    config = default_config()
    config.fid.every = 5_000
    config.probe.every = 25_000
    config.checkpoint.best_metric = "probe/top-1"
    config.checkpoint.best_mode = "max"
    return config
