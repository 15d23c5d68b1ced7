"""The configuration of the tests' BigBiGAN: digits, a few channels everywhere."""

from bigbigan_jax.config import default_config, validate


def get_config():
    """Everything as small as it can be, and rates at which a few steps make a difference."""
    config = default_config()
    config.batch_size = 16
    model = config.model
    model.update({"image_size": 8, "image_channels": 1, "z_dim": 8, "dtype": "float32"})
    model.generator.update({"channels": 4, "embedding_dim": 4})
    model.discriminator.update({"channels": 4, "mlp_width": 16})
    model.encoder.update({"trunk": "resnet18", "width": 1 / 16, "image_size": 8, "head_width": 16})
    config.training.learning_rate.update(
        {"discriminator": 1e-2, "generator": 5e-3, "encoder": 5e-3}
    )
    # Adam with β1 = 0 moves a weight by about the rate whatever the size of its gradient g:
    # g / (|g| + eps). Where g is nothing but rounding, as for a bias before a BatchNorm, the order
    # of a sum would decide the sign, unless eps is far above rounding.
    config.training.adam_eps = 1e-3
    config.training.ema_decay = 0.9
    validate(config)
    return config
