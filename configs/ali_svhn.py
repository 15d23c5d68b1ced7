"""ALI on SVHN (arXiv 1606.00704, appendix A, table of SVHN).

    python main.py --config=configs/ali_svhn.py --workdir=DIR
    python -m bigbigan_jax.probe --workdir=DIR --data=svhn_cropped --validation=test --protocol=svm

Networks, rates and the number of epochs are the paper's; as in its authors' code, training sees the
531,131 images of the split "extra".
Needs: one GPU; SVHN prepared for TFDS as ArrayRecord (README, "Training").
Expect: the paper's SVMs have 19.14 ± 0.50 % of the test images wrong; here nobody has trained it
to the end.
"""

from bigbigan_jax.config import default_config, keep_on_device

EPOCHS = 100
AT_ONCE = 500  # steps in a program
PER_EPOCH = 5310  # steps, of 531,131 images in batches of 100; rounded, so that AT_ONCE divides


def get_config():
    """The paper's table; a constant learning rate, no weight decay."""
    config = default_config("bigan", "ali_svhn")
    config.steps = EPOCHS * PER_EPOCH
    config.batch_size = 100
    config.training.learning_rate = config.training.final_learning_rate = 1e-4
    config.training.weight_decay = 0.0

    keep_on_device(config, "svhn_cropped", steps_at_once=AT_ONCE, programs=20)
    config.data.split = "extra"
    return config
