"""BiGAN's table of permutation-invariant MNIST (arXiv 1605.09782, table 1), row by row.

    python main.py --config=configs/bigan_mnist.py:ROW --workdir=DIR
    python main.py --config=configs/bigan_mnist.py:list
    python -m bigbigan_jax.table --workdir=DIR

Numbers are the paper's: accuracy of the nearest of 60,000 training images, Euclidean, by the layer
before E's output (by the features of D in the row "d"). Networks and rates are as in its authors'
code. 400 epochs: 200 at a constant rate, 200 in which it falls to a hundredth.
Needs: MNIST prepared for TFDS (docs/data.md).
"""

from bigbigan_jax.config import default_config, keep_on_device
from bigbigan_jax.config_rows import Row, row_config

EPOCHS = 400
AT_ONCE = 625  # steps in a program: an epoch and a third, of 60,000 images in batches of 128
PER_EPOCH = 60_000 / 128

# BigBiGAN's objective, updates and stochastic E on the same perceptrons: not in the paper.
BIGBIGAN = {
    "model.terms": ("x", "z", "xz"),
    "model.prior": "normal",
    "model.encoder.head": "stochastic",
    "model.spectral_norm": True,
    "training.d_steps": 1,
    "training.learning_rate.discriminator": 2e-4,
    "training.learning_rate.generator": 2e-4,
    "training.learning_rate.encoder": 2e-4,
    "training.ema_decay": 0.999,
}

# The same where E and D see images moved, turned and stretched: no longer permutation-invariant.
VIEWS = {
    **BIGBIGAN,
    "steps": 6 * AT_ONCE,  # 16 epochs, of two batches a step
    "training.d_steps": 2,
    "training.learning_rate.discriminator": 1e-3,
    "training.final_rate_share": 0.25,
    "training.views.shift": 2 / 28,
    "training.views.rotation": 15.0,
    "training.views.scale": 0.15,
    "training.views.shear": 0.15,
    "training.views.instance_noise": 0.8,
}

GAN = {"model.terms": ("x",)}
LATENT_REGRESSOR = {**GAN, "model.encoder.zero_output": True}
AUTOENCODER = {"model.terms": ()}


def _row(title, top1, objective, changes):
    changes = {"training.objective": objective, **changes}
    return Row(title, f"1-NN {top1:.2f} %", changes, {"1-NN": top1})


ROWS = {
    "bigan": _row("BiGAN", 97.39, "bigan", {}),
    "d": _row("D", 97.30, "gan", {**GAN, "model.encoder.head": "none", "scores": ()}),
    "lr": _row("LR", 97.44, "latent_regressor", LATENT_REGRESSOR),
    "jlr": _row("JLR", 97.13, "joint_latent_regressor", LATENT_REGRESSOR),
    "ae_l2": _row("AE (l2)", 97.58, "autoencoder_l2", AUTOENCODER),
    "ae_l1": _row("AE (l1)", 97.63, "autoencoder_l1", AUTOENCODER),
    "bigbigan": Row("BigBiGAN's objective", "not in the paper", BIGBIGAN),
    "bigbigan_views": Row("BigBiGAN's, of distorted views", "not in the paper", VIEWS),
}


def _base(row):
    of_bigan = "training.objective" in ROWS[row].changes
    config = default_config("bigan" if of_bigan else "bigbigan", "mlp")
    config.steps = int(EPOCHS * PER_EPOCH)
    config.batch_size = 128

    keep_on_device(config, "mnist", steps_at_once=AT_ONCE, programs=15)
    return config


def get_config(row=None):
    """The configuration of a row."""
    return row_config(ROWS, row, _base)
