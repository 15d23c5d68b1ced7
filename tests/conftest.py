"""Eight simulated devices on the CPU, strictness, and the small model that tests share."""

import os
import signal
from pathlib import Path

# A shell has what it runs in the background ignore Ctrl-C, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# XLA reads these when JAX starts. Compiling is most of what the tests do, so it stays quick.
XLA_FLAGS = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {XLA_FLAGS}".strip()
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".jax_cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

import jax  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from numpy_inception import stem_arrays  # noqa: E402
from small_bigbigan import get_config  # noqa: E402

from bigbigan_jax.table.__main__ import main as table  # noqa: E402
from bigbigan_jax.training.bigbigan import BigBiGAN  # noqa: E402
from bigbigan_jax.training.loop import train  # noqa: E402
from bigbigan_jax.training.run import prepare_run  # noqa: E402

# Strict dtype promotion is not for this project: Flax's BatchNorm and avg_pool promote inside.
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def tiny_config():
    """A BigBiGAN of 8×8 digits with a few channels everywhere; the caller's to change."""
    return get_config()


@pytest.fixture(scope="session")
def tiny_family():
    """The family of `tiny_config`."""
    return BigBiGAN.from_config(get_config().to_dict())


@pytest.fixture(scope="session")
def tiny_state(tiny_family):
    """Its state before the first step, on one device."""
    return jax.jit(tiny_family.init)(jax.random.key(0))


@pytest.fixture(scope="session")
def tiny_update(tiny_family):
    """Its update, compiled for float32 batches on one device; nothing is donated."""
    return jax.jit(tiny_family.update)


@pytest.fixture(scope="session")
def tiny_bytes():
    """Images for one update: [d_steps, B, H, W, C], uint8."""
    return np.random.default_rng(0).integers(0, 256, (2, 16, 8, 8, 1), np.uint8)


@pytest.fixture(scope="session")
def tiny_batch(tiny_bytes):
    """The same as float32 in [-1, 1]."""
    return {"image": tiny_bytes.astype(np.float32) / 127.5 - 1}


@pytest.fixture(scope="session")
def trained_workdir(tmp_path_factory):
    """A run of `tiny_config` of three steps, with checkpoints of all; one of them is the best."""
    config = get_config()
    config.steps = 3
    config.data.update({"name": "digits", "eval_split": "", "augmentation": "none", "workers": 0})
    config.checkpoint.update({"every": 1, "best_metric": "reconstruction/x"})
    config.log.update({"every": 1, "monitor_every": 1, "sheets_every": 10_000})
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(prepare_run(config, folder))
    return folder


ROWS = ("--rows", "bigan", "d", "ae_l1", "bigbigan")


@pytest.fixture(scope="session")
def small_table(tmp_path_factory):
    """The runs of some rows of `small_bigan`, as the command that makes the table leaves them."""
    folder = tmp_path_factory.mktemp("table")
    config = f"--config={Path(__file__).parent / 'small_bigan.py'}"
    assert table([f"--workdir={folder}", config, *ROWS]) == 0
    return folder


@pytest.fixture(scope="session")
def inception_stem(tmp_path_factory):
    """A file of the first layers of Inception, random: enough for 64-D features, and quick."""
    path = tmp_path_factory.mktemp("inception") / "stem.npz"
    np.savez(path, **stem_arrays())
    return path
