"""What can be wrong with a configuration."""

import difflib
from collections.abc import Mapping
from typing import Any


class ConfigError(ValueError):
    """A field of the configuration is unknown, missing or wrong; the message is one line."""


def check_name(name: str, known: Mapping[str, Any], prefix: str) -> None:
    """Checks that a section has a field.

    Args:
      name: of the field.
      known: the fields of the section.
      prefix: the section's name with a dot, or "".

    Raises:
      ConfigError: names the nearest that it has.
    """
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(known)}"
    if not known:
        hint = f"config.{prefix[:-1]} is a value, without fields"
    raise ConfigError(f"config.{prefix}{name} is not a field; {hint}")
