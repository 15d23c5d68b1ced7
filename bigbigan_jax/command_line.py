"""Reads the command line; a mistake in it, or in the config file, ends as one clear line."""

import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence

from absl import flags
from ml_collections import ConfigDict

from bigbigan_jax.config import ConfigError, default_of

_EXAMPLES = {
    "config": "configs/digits.py",
    "workdir": "runs/first",
    "topology": "v3:8x8",
}
_OVERRIDE = re.compile(r"--?config\.([^=]+)")


def parse_flags(
    argv: Sequence[str], required: Sequence[str] = ("config", "workdir")
) -> Sequence[str]:
    """Parses absl's flags, among them "config" of `config_flags.DEFINE_config_file`.

    For `app.run(main, flags_parser=parse_flags)`. Ends the process with exit code 2 and one line on
    stderr where that fails.

    Args:
      argv: the command line, with the name of the program.
      required: flags that must be there.

    Returns:
      The name of the program.
    """
    path = None
    try:
        path = _config_path(argv)
        for argument in argv:
            if override := _OVERRIDE.match(argument):
                default_of(override[1])
        rest = flags.FLAGS(argv)
        _check_parsed(path, rest[1:], required)
    except Exception as error:  # a config file is a program, and may raise anything
        print(f"error: {_explain(error, path)}", file=sys.stderr)
        sys.exit(2)
    return rest


def _config_path(argv: Sequence[str]) -> str | None:
    """The file that --config names, "row" of "table.py:row" left off; None without --config."""
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        flag, equals, value = argument.partition("=")
        if flag in ("--config", "-config"):
            path = (value if equals else following).split(":")[0]
            if not os.path.isfile(path):
                raise ConfigError(f"--config={path}: there is no such file")
            return path
    return None


def _check_parsed(path: str | None, unexpected: Sequence[str], required: Sequence[str]) -> None:
    if unexpected:
        raise ConfigError(f"unexpected argument {unexpected[0]!r}; settings are --name=value")
    for name in required:
        if not flags.FLAGS[name].present or flags.FLAGS[name].value == "":
            raise ConfigError(f"--{name} is missing; such as --{name}={_EXAMPLES[name]}")
    if not isinstance(flags.FLAGS["config"].value, ConfigDict):
        raise ConfigError(f"--config={path}: get_config() does not return a ConfigDict")


def _explain(error: Exception, path: str | None) -> str:
    """One line: where in the config file an exception came from, or which flag is wrong."""
    chain: list[BaseException] = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    if isinstance(chain[-1], ConfigError):
        return str(chain[-1]) if len(chain) == 1 else f"--config={path}: {chain[-1]}"
    for link in chain:
        if place := _place(link, path):
            return f"{place}: {_reason(link)}"
    text = str(error).splitlines()[0]
    if not isinstance(error, flags.Error) or text.startswith("flag --config="):
        return f"--config={path}: {_reason(chain[-1])}"
    if isinstance(error, flags.IllegalFlagValueError) and (override := _OVERRIDE.search(text)):
        default = default_of(override[1])
        if isinstance(default, Mapping):
            return f"{text} set its fields, such as --config.{override[1]}.{next(iter(default))}"
        return f"{text}; it must be of type {type(default).__name__}, such as {default!r}"
    return text


def _place(error: BaseException, path: str | None) -> str | None:
    """The line of the config file in which an exception was raised, if it was."""
    if path is None:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f for f in frames if os.path.abspath(f.filename) == os.path.abspath(path)]
    return f"{path}, line {lines[-1].lineno}, `{lines[-1].line}`" if lines else None


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).replace("\\n", "\n").split())
    # What a ConfigDict says of a field it lacks: in quotes, and with all that it has.
    text = re.sub(r"^'(.*)'$", r"\1", text)
    text = re.sub(r" and cannot be added.*?(?=Did you mean|$)", ". ", text)
    return (text if isinstance(error, AttributeError) else f"{type(error).__name__}: {text}")[:300]
