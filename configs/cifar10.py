"""BigBiGAN on CIFAR-10, at 32 px, for one accelerator.

    python main.py --config=configs/cifar10.py --workdir=DIR

G and D as in BigGAN's author's CIFAR code (ch 64), E a ResNet-18 with a 3×3 stem. The paper has
no CIFAR model: sizes and rates here are this project's.
Needs: one GPU; CIFAR-10 prepared for TFDS as ArrayRecord (README, "Training").
Expect: not known yet, nobody has trained it to the end.
"""

from bigbigan_jax.config import default_config


def get_config():
    """Sizes for 32 px; a short average for a short run."""
    config = default_config()
    config.steps = 100_000
    config.batch_size = 256

    config.model.image_size = 32
    config.model.z_dim = 128
    config.model.generator.channels = 64
    config.model.discriminator.channels = 64
    config.model.discriminator.mlp_width = 512
    config.model.encoder.trunk = "resnet18"
    config.model.encoder.image_size = 32
    config.model.encoder.head_width = 1024

    config.training.learning_rate.generator = 2e-4
    config.training.learning_rate.encoder = 2e-4
    config.training.ema_decay = 0.999

    config.data.name = "cifar10"
    config.data.eval_split = "test"
    config.data.augmentation = "flip"
    config.data.workers = 4

    config.checkpoint.keep_every = 0
    config.checkpoint.best_metric = "reconstruction/x"
    config.scores = ("labels",)
    return config
