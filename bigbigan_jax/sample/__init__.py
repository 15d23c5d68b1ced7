"""Sheets of what a model generates: python -m bigbigan_jax.sample --help."""
