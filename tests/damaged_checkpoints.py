"""A small state, and the ways in which its checkpoint may come to harm."""

import os
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax


def make_state(seed: int = 0):
    rng = np.random.default_rng(seed)
    params = {
        "kernel": jnp.asarray(rng.normal(size=(16, 8)), jnp.float32),
        "bias": jnp.asarray(rng.normal(size=(8,)), jnp.bfloat16),
    }
    return {
        "params": params,
        "optimizer": optax.adam(1e-3).init(params),
        "labels": jnp.asarray(rng.integers(-9, 9, size=(3,)), jnp.int32),
        "bits": jnp.asarray(rng.integers(0, 2**32, size=(4096,)), jnp.uint32),
        "mask": jnp.asarray([True, False]),
        "step": jnp.int32(seed),
        "nothing": None,
    }


def flip_a_bit(folder: Path):
    """Flips one of the random bits, which no compression can have touched."""
    pattern = np.asarray(make_state(int(folder.name))["bits"]).tobytes()[8000:8016]
    (file,) = (f for f in files(folder) if pattern in f.read_bytes())
    data = bytearray(file.read_bytes())
    data[data.index(pattern)] ^= 1
    file.write_bytes(data)


def truncate_largest(folder: Path):
    file = max(files(folder), key=lambda f: f.stat().st_size)
    os.truncate(file, file.stat().st_size // 2)


def files(folder: Path):
    return [f for f in (folder / "state").rglob("*") if f.is_file()]


def truncate_record(folder: Path):
    os.truncate(folder / "record" / "metadata", 20)


def falsify_record(folder: Path):
    file = folder / "record" / "metadata"
    file.write_text(file.read_text().replace('"at": 20', '"at": 21'))


def remove_manifest(folder: Path):
    (folder / "state" / "manifest.ocdbt").unlink()


def remove_state(folder: Path):
    shutil.rmtree(folder / "state")


def empty(folder: Path):
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGES = [
    flip_a_bit,
    truncate_largest,
    truncate_record,
    falsify_record,
    remove_manifest,
    remove_state,
    empty,
]
