"""BiGAN on ImageNet (arXiv 1605.09782, section 4.3), by what its encoder sees.

    python main.py --config=configs/bigan_imagenet.py:ROW --workdir=DIR
    python main.py --config=configs/bigan_imagenet.py:list
    python -m bigbigan_jax.transfer --workdir=DIR --data=imagenet2012
    python -m bigbigan_jax.transfer --workdir=DIR --data=voc/2007 --protocol=voc

Numbers are the paper's (its first version): top-1 accuracy of AlexNet on ImageNet's validation set
with conv1 to convN taken from E and kept as they are, the layers after them trained on labels; the
third line measures the same. The fourth measures what the paper has on PASCAL VOC 2007, of BiGAN:
37.5, 48.7 and 58.9 % mAP with fc8, fc6 to fc8 and all layers trained.
Networks and rates are as in its authors' code. 100 epochs: 50 at a constant rate, 50 in which it
falls to a hundredth.
Needs: ImageNet prepared for TFDS (docs/data.md).
"""

from bigbigan_jax.config import default_config
from bigbigan_jax.config_rows import Row, row_config

EPOCHS = 100
IMAGES = 1_281_167
BATCH_SIZE = 128


def _row(title, top1, changes):
    paper = {f"conv{i}": value for i, value in enumerate(top1, start=1)}
    results = "top-1 with conv1..5 frozen " + " ".join(f"{value:.1f}" for value in top1) + " %"
    return Row(title, results, changes, paper)


ROWS = {
    "bigan": _row("BiGAN", (54.2, 51.9, 47.3, 41.9, 31.1), {}),
    "e112": _row(
        "BiGAN, 112 x 112 E",
        (53.5, 50.9, 47.4, 41.9, 32.2),
        {"model.encoder.image_size": 112, "data.augmentation": "bigan_e112"},
    ),
}


def _base(_):
    config = default_config("bigan", "alexnet")
    config.steps = EPOCHS * IMAGES // BATCH_SIZE
    config.batch_size = BATCH_SIZE

    config.data.augmentation = "bigan"

    # Each takes statistics of G over training.statistics_batches batches.
    config.checkpoint.every = 10_000
    config.checkpoint.keep_every = 100_000
    config.log.monitor_every = 10_000
    config.log.sheets_every = 50_000
    return config


def get_config(row=None):
    """The configuration of a row."""
    return row_config(ROWS, row, _base)
