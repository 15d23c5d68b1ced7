"""A small BigBiGAN on MNIST, for a patient CPU.

    python -m bigbigan_jax.prepare mnist --idx=DIR
    python main.py --config=configs/mnist.py --workdir=DIR

As in the paper E sees twice the resolution of G and D: 32 px and 16 px. The paper has no MNIST
model: sizes and rates are this project's.
Needs: MNIST prepared for TFDS (docs/data.md).
Expect: after 3,500 steps what docs/results.md has; nobody has trained it to the end.
"""

from bigbigan_jax.config import default_config


def get_config():
    """As the quick start, but for images of 32 px."""
    config = default_config()
    config.steps = 10_000
    config.batch_size = 64

    config.model.image_size = 16
    config.model.image_channels = 1
    config.model.z_dim = 48
    config.model.dtype = "float32"
    config.model.generator.channels = 16
    config.model.generator.embedding_dim = 16
    config.model.discriminator.channels = 16
    config.model.discriminator.mlp_width = 128
    config.model.encoder.trunk = "resnet14"
    config.model.encoder.width = 0.25
    config.model.encoder.image_size = 32
    config.model.encoder.head_width = 128

    config.training.learning_rate.discriminator = 1e-3
    config.training.learning_rate.generator = 1e-3
    config.training.learning_rate.encoder = 2e-3
    config.training.ema_decay = 0.995

    config.data.name = "mnist"
    config.data.eval_split = "test"
    config.data.augmentation = "none"
    config.data.workers = 0

    config.checkpoint.every = 500
    config.checkpoint.keep_every = 0
    config.checkpoint.best_metric = "reconstruction/x"
    config.log.every = 50
    config.log.monitor_every = 250
    config.log.sheets_every = 250
    config.scores = ("labels",)
    return config
