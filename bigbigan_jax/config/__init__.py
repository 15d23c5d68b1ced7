"""The configuration: every field with its default, and the check that a configuration is whole."""

from bigbigan_jax.config.checks import validate
from bigbigan_jax.config.defaults import default_config, default_of
from bigbigan_jax.config.errors import ConfigError
from bigbigan_jax.config.resident import keep_on_device

__all__ = ["ConfigError", "default_config", "default_of", "keep_on_device", "validate"]
