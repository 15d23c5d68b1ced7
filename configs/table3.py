"""Table 3, unconditional generation at 128 px (arXiv 1907.02544): ImageNet, batch 2048.

    python main.py --config=configs/table3.py:ROW --workdir=gs://…
    python main.py --config=configs/table3.py:list

Numbers are the paper's, of its best run: IS, FID against the training and the validation images.
"SL" is one learned embedding in place of a label. Crops are square, of at least half of the image,
and not flipped.
That E has the rate of G, as in most of Table 1, is a decision. Needs: as configs/resnet50.py.
"""

from bigbigan_jax.config_rows import Row, row_config

BASE = {
    "training.learning_rate.encoder": 5e-5,
    "data.augmentation": "table3",
    "fid.every": 5_000,
}

ROWS = {
    "biggan_sl": Row(
        "BigGAN + SL",
        "IS 20.4   FID     -  / 25.3",
        {**BASE, "model.encoder.trunk": "none", "model.terms": ("x",)},
    ),
    "bigbigan_sl": Row(
        "BigBiGAN + SL",
        "IS 25.38  FID 22.78 / 23.60",
        {**BASE, "model.encoder.image_size": 128},
    ),
    "bigbigan_high_res_e_sl": Row("BigBiGAN High Res E + SL", "IS 25.43  FID 22.34 / 22.94", BASE),
    "bigbigan_high_res_e_sl_1m": Row(
        "BigBiGAN High Res E + SL, 1M steps",
        "IS 27.94  FID 20.32 / 21.61",
        {**BASE, "steps": 1_000_000},
    ),
}


def get_config(row=None):
    """The configuration of a row."""
    return row_config(ROWS, row)
