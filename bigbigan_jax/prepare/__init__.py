"""Prepares data sets for training, as ArrayRecord files that TensorFlow Datasets can read.

`python -m bigbigan_jax.prepare --help` is the command.
"""
