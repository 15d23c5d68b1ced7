"""AlexNet on frozen layers of a trained encoder: python -m bigbigan_jax.transfer --help."""
