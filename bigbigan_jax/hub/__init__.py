"""Trained models, for those who use them: `load` one, then encode, generate, reconstruct.

The interface is that of the modules that DeepMind released (https://tfhub.dev/s?q=bigbigan), with
weights and statistics as in the paper's evaluation: averaged weights, standing statistics.
"""

from bigbigan_jax.hub.errors import InputError, LoadError
from bigbigan_jax.hub.exported import export
from bigbigan_jax.hub.loading import checkpoint_steps, load
from bigbigan_jax.hub.model import Model

__all__ = ["InputError", "LoadError", "Model", "checkpoint_steps", "export", "load"]
