"""Eight simulated devices on the CPU, strictness, and the small model that tests share."""

import os
from pathlib import Path

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

from bigbigan_jax.config import default_config, validate  # noqa: E402
from bigbigan_jax.training.bigbigan import BigBiGAN  # noqa: E402

# Strict dtype promotion is not for this project: Flax's BatchNorm and avg_pool promote inside.
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def tiny_config():
    """A BigBiGAN of 8×8 digits with a few channels everywhere; the caller's to change."""
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


@pytest.fixture(scope="session")
def tiny_family():
    """The family of `tiny_config`."""
    return BigBiGAN.from_config(tiny_config.__wrapped__().to_dict())


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
