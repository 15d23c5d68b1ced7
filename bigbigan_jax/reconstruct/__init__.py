"""Sheets of what a model makes of real images: python -m bigbigan_jax.reconstruct --help."""
