"""ALI on CIFAR-10 (arXiv 1606.00704, appendix A, table of CIFAR-10).

    python main.py --config=configs/ali_cifar10.py --workdir=DIR

Networks, rates and the number of epochs are the paper's; as in its authors' code, 5,000 of the
50,000 training images are held out. (Their code stops at 1,000 epochs by default.)
Needs: one GPU; CIFAR-10 prepared for TFDS as ArrayRecord (README, "Training").
Expect: not known yet, nobody has trained it to the end.
"""

from bigbigan_jax.config import default_config, keep_on_device

EPOCHS = 6475
PER_EPOCH = 450  # steps, of 45,000 images in batches of 100


def get_config():
    """The paper's table; a constant learning rate, no weight decay."""
    config = default_config("bigan", "ali_cifar10")
    config.steps = EPOCHS * PER_EPOCH
    config.batch_size = 100
    config.training.learning_rate = config.training.final_learning_rate = 1e-4
    config.training.weight_decay = 0.0

    keep_on_device(config, "cifar10", steps_at_once=PER_EPOCH, programs=25)
    config.data.split = "train_without_val"
    return config
