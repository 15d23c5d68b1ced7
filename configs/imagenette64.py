"""BigBiGAN at 64 px on a folder of photographs, for one GPU or a patient CPU.

    python -m bigbigan_jax.prepare folder --images=imagenette --name=my_imagenette
    python main.py --config=configs/imagenette64.py --workdir=DIR

Imagenette is ten classes of ImageNet; any other folder does as well, with its name as
--config.data.name. The paper has no model of this size: widths and rates are this project's.
Needs: the packed folder (docs/data.md).
Expect: as it is, nobody has trained it to the end. With half the widths, at 32 px, docs/results.md
has what 4,000 steps gave, of 1.3 seconds on 2 CPU cores.
"""

from bigbigan_jax.config import default_config


def get_config():
    """A third of the paper's widths, for a small set of photographs."""
    config = default_config()
    config.steps = 50_000
    config.batch_size = 64

    config.model.image_size = 64
    config.model.z_dim = 100
    config.model.dtype = "float32"
    config.model.generator.channels = 32
    config.model.discriminator.channels = 32
    config.model.discriminator.mlp_width = 512
    config.model.encoder.trunk = "resnet18"
    config.model.encoder.width = 0.5
    config.model.encoder.image_size = 64
    config.model.encoder.head_width = 1024

    config.training.learning_rate.generator = 2e-4
    config.training.learning_rate.encoder = 2e-4
    config.training.ema_decay = 0.999

    config.data.name = "my_imagenette"
    config.data.eval_split = "val"
    config.data.workers = 4

    config.checkpoint.keep_every = 0
    config.checkpoint.best_metric = "reconstruction/x"
    return config
