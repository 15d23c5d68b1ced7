"""A model as two files that anything can read: NAME.safetensors, and NAME.json beside it.

The arrays are named by their place, such as "generator/params/linear/kernel"; the JSON file has
`Model.about` and the checksum of the other.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bigbigan_jax.hub.errors import LoadError
from bigbigan_jax.hub.model import Model
from bigbigan_jax.hub.variables import abstract_variables, on_local_devices
from bigbigan_jax.models.architectures import build_networks

SUFFIX = ".safetensors"
_MOMENTS = "feature_moments"


def export(model: Model, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Writes a model to a .safetensors file, and what it is to a .json file of the same name.

    Args:
      model: to write.
      path: of the .safetensors file, in a folder that exists.

    Returns:
      The two files.

    Raises:
      LoadError: the name ends otherwise, or one of the files exists already: nothing is
        overwritten.
    """
    arrays_file, about_file = _files(path)
    for file in (arrays_file, about_file):
        if file.exists():
            raise LoadError(f"{file}: exists already; choose another name, or remove it")
    tree = {**model.variables, _MOMENTS: dict(model.feature_moments)}
    arrays = {name: np.asarray(leaf) for name, leaf in flatten_dict(tree, sep="/").items()}
    unfinished = arrays_file.with_suffix(".unfinished")
    save_file(arrays, unfinished)
    about = {**model.about, "sha256": _sha256(unfinished)}
    about_file.write_text(json.dumps(about, indent=1) + "\n")
    unfinished.rename(arrays_file)
    return arrays_file, about_file


def read_exported(path: str | os.PathLike[str]) -> Model:
    """Reads what `export` wrote.

    Raises:
      LoadError: one of the files is missing, damaged, or of another model.
    """
    arrays_file, about_file = _files(path)
    for file in (arrays_file, about_file):
        if not file.exists():
            raise LoadError(f"{file}: no such file; an exported model is two files, with {SUFFIX} "
                            "and .json, of one name")  # fmt: skip
    try:
        about = json.loads(about_file.read_text())
        checksum, networks = about.pop("sha256"), build_networks(about["model"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError(f"{about_file}: not the JSON of an exported model: {error!r}") from error
    if _sha256(arrays_file) != checksum:
        raise LoadError(f"{arrays_file}: damaged, or not the file that {about_file.name} is of")
    try:
        found = unflatten_dict(load_file(arrays_file), sep="/")
    except SafetensorError as error:
        raise LoadError(f"{arrays_file}: not a safetensors file: {error}") from error
    moments = found.pop(_MOMENTS, {})
    wanted, given = _shapes(abstract_variables(networks)), _shapes(found)
    for name in [*wanted, *given]:
        if wanted.get(name) != given.get(name):
            raise LoadError(f"{arrays_file}: {name} is {given.get(name)}, not {wanted.get(name)}")
    variables, moments = on_local_devices((found, moments))
    return Model(networks, variables, moments, {**about, "source": str(arrays_file)})


def _files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    file = Path(path).expanduser()
    if file.suffix != SUFFIX:
        raise LoadError(f"{file}: the name of an exported model ends in {SUFFIX}")
    return file, file.with_suffix(".json")


def _shapes(tree: Any) -> dict[str, str]:
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
