"""Features of whole data sets on disk: python -m bigbigan_jax.extract --help."""
