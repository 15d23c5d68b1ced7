"""The configuration of the tests' runs: a GAN without encoder, as small as they come."""

from bigbigan_jax.config import default_config


def get_config():
    """Twenty-four steps on 8×8 digits, a checkpoint every eight."""
    config = default_config()
    config.steps = 24
    config.batch_size = 16
    model = config.model
    model.update({"image_size": 8, "image_channels": 1, "z_dim": 8, "dtype": "float32"})
    model.terms = ("x",)
    model.generator.update({"channels": 4, "embedding_dim": 4})
    model.discriminator.update({"channels": 4, "mlp_width": 8})
    model.encoder.update({"trunk": "none", "image_size": 8})
    config.training.d_steps = 1
    config.data.update({"name": "digits", "eval_split": "", "augmentation": "none", "workers": 0})
    config.checkpoint.update({"every": 8, "keep_every": 0})
    config.log.update({"every": 1, "monitor_every": 8, "sheets_every": 10_000})
    return config
