"""Table 1, the ablations (arXiv 1907.02544): ImageNet, 500K steps, batch 2048.

    python main.py --config=configs/table1.py:ROW --workdir=gs://…
    python main.py --config=configs/table1.py:list

Numbers are the paper's: IS, FID, and top-1 of a linear probe on images held out of training.
Needs: as configs/resnet50.py.
"""

from bigbigan_jax.config_rows import Row, row_config

# The default is "ResNet (↑ E LR)": E at 256 px, at ten times this rate.
HIGH_RES_E = {"training.learning_rate.encoder": 5e-5}
BASE = {**HIGH_RES_E, "model.encoder.image_size": 128}
DETERMINISTIC = {**BASE, "model.encoder.head": "deterministic"}
REVNET = {"model.encoder.trunk": "revnet50"}
# Where there is an encoder, the checkpoint of the best linear probe is kept.
PROBE = {
    "probe.every": 25_000,
    "checkpoint.best_metric": "probe/top-1",
    "checkpoint.best_mode": "max",
}


def _row(title, inception_score, fid, top1, changes):
    probe = f"{top1:.2f} %" if top1 else "-"
    changes = {**PROBE, **changes} if top1 else changes
    changes = {"fid.every": 5_000, **changes}
    return Row(title, f"IS {inception_score:5.2f}  FID {fid:6.2f}  top-1 {probe}", changes)


def _terms(*terms):
    return {**BASE, "model.terms": terms}


ROWS = {
    "base": _row("Base", 22.66, 31.19, 48.10, BASE),
    "deterministic_e": _row("Deterministic E", 22.79, 31.31, 46.97, DETERMINISTIC),
    "uniform_pz": _row(
        "Uniform P_z (deterministic)",
        22.83,
        31.52,
        45.11,
        {**DETERMINISTIC, "model.prior": "uniform"},
    ),
    "x_unary_only": _row("x Unary Only", 23.19, 31.99, 47.74, _terms("x", "xz")),
    "z_unary_only": _row("z Unary Only", 19.52, 39.48, 47.78, _terms("z", "xz")),
    "no_unaries": _row("No Unaries (BiGAN)", 19.70, 42.92, 46.71, _terms("xz")),
    "small_g_32": _row(
        "Small G (32)", 3.28, 247.30, 43.59, {**BASE, "model.generator.channels": 32}
    ),
    "small_g_64": _row(
        "Small G (64)", 19.96, 38.93, 47.54, {**BASE, "model.generator.channels": 64}
    ),
    "no_e": _row(
        "No E (GAN)", 23.56, 30.91, None, {"model.encoder.trunk": "none", "model.terms": ("x",)}
    ),
    "high_res_e": _row("High Res E", 23.45, 27.86, 50.80, HIGH_RES_E),
    "low_res_g": _row("Low Res G", 19.40, 15.82, 47.51, {**HIGH_RES_E, "model.image_size": 64}),
    "high_res_g": _row(
        "High Res G",
        24.70,
        38.58,
        51.49,
        {**HIGH_RES_E, "model.image_size": 256, "model.z_dim": 140},
    ),
    "resnet101": _row(
        "ResNet-101", 23.29, 28.01, 51.21, {**HIGH_RES_E, "model.encoder.trunk": "resnet101"}
    ),
    "resnet_x2": _row("ResNet ×2", 23.68, 27.81, 52.66, {**HIGH_RES_E, "model.encoder.width": 2.0}),
    "revnet": _row("RevNet", 23.33, 27.78, 49.42, {**HIGH_RES_E, **REVNET}),
    "revnet_x2": _row(
        "RevNet ×2", 23.21, 27.96, 54.40, {**HIGH_RES_E, **REVNET, "model.encoder.width": 2.0}
    ),
    "revnet_x4": _row(
        "RevNet ×4", 23.23, 28.15, 57.15, {**HIGH_RES_E, **REVNET, "model.encoder.width": 4.0}
    ),
    "resnet_up_e_lr": _row("ResNet (↑ E LR)", 23.27, 28.51, 53.70, {}),
    "revnet_x4_up_e_lr": _row(
        "RevNet ×4 (↑ E LR)", 23.08, 28.54, 60.15, {**REVNET, "model.encoder.width": 4.0}
    ),
}


def get_config(row=None):
    """The configuration of a row."""
    return row_config(ROWS, row)
