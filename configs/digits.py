"""The quick start: a small BigBiGAN learns real 8×8 digits on a laptop in minutes.

    python main.py --config=configs/digits.py --workdir=DIR

Needs: nothing; the 1,797 digits come with scikit-learn.
Expect: 3 minutes on 2 CPU cores; 9 of 10 held-out digits keep their label in G(E(x)).
"""

from bigbigan_jax.config import default_config


def get_config():
    """Everything small, and rates for a run of a thousand steps."""
    config = default_config()
    config.steps = 1000
    config.batch_size = 64

    config.model.image_size = 8
    config.model.image_channels = 1
    config.model.z_dim = 16
    config.model.dtype = "float32"
    config.model.generator.channels = 16
    config.model.generator.embedding_dim = 16
    config.model.discriminator.channels = 16
    config.model.discriminator.mlp_width = 128
    config.model.encoder.trunk = "resnet14"
    config.model.encoder.width = 0.25
    config.model.encoder.image_size = 8
    config.model.encoder.head_width = 128

    config.training.learning_rate.discriminator = 1e-3
    config.training.learning_rate.generator = 1e-3
    config.training.learning_rate.encoder = 2e-3
    config.training.ema_decay = 0.995

    config.data.name = "digits"
    config.data.eval_split = "test"
    config.data.augmentation = "none"
    config.data.workers = 0

    config.checkpoint.every = 500
    config.checkpoint.keep_every = 0
    config.checkpoint.best_metric = "reconstruction/x"
    config.log.every = 50
    config.log.monitor_every = 250
    config.log.sheets_every = 250
    config.probe.steps = 200
    config.probe.batch_size = 512
    config.probe.augmentation = "none"
    config.scores = ("labels",)
    return config
