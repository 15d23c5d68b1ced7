"""The configuration: every field with its default, and the check that a configuration is whole."""

from bigbigan_jax.config.checks import validate
from bigbigan_jax.config.defaults import default_config, default_of
from bigbigan_jax.config.errors import ConfigError

__all__ = ["ConfigError", "default_config", "default_of", "validate"]
