"""Reads the user's file of Inception's weights, whatever its format."""

import dataclasses
import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath

from bigbigan_jax.inception.errors import WeightsError
from bigbigan_jax.inception.names import CONVOLUTIONS
from bigbigan_jax.inception.network import LOGITS, SIDE, TAPS, Inception
from bigbigan_jax.inception.torch_file import read_torch_file

FILE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
DEFAULT = epath.Path("~/.cache/bigbigan_jax") / FILE
GRAPH = "Inception-v3, TensorFlow graph of 2015-12-05"
RESIZE = "bilinear to 299 px as by TensorFlow 1"
Params = dict[str, dict[str, np.ndarray]]
_BATCH_NORM_EPS = 1e-3  # of the graph


@dataclasses.dataclass(frozen=True)
class InceptionWeights:
    """Weights of Inception, whole or its first part.

    Attributes:
      params: of `Inception`, float32, on the host.
      outputs: what can be computed with them, by width: the first of 64, 192, 768, 2048, 1008.
      fingerprint: 16 hexadecimal digits that other weights do not have.
    """

    params: Mapping[str, Any]
    outputs: tuple[int, ...]
    fingerprint: str

    def check(self, outputs: tuple[int, ...]) -> None:
        """Checks that outputs can be computed.

        Raises:
          WeightsError: names one that cannot.
        """
        for output in outputs:
            if output not in self.outputs:
                name = "logits" if output == LOGITS else f"{output}-D features"
                raise WeightsError(
                    f"these Inception weights end before the {name}; they reach "
                    f"{', '.join(map(str, self.outputs))}-D: give the whole network ({FILE})"
                )


def read_weights(path: str | os.PathLike[str] = DEFAULT) -> InceptionWeights:
    """Reads weights of the graph of 2015-12-05.

    Args:
      path: local or gs://: pytorch-fid's .pth; an .npz with the same names; or an .npz with
        BatchNorm folded, <scope>/kernel (HWIO) and <scope>/bias by the graph's scopes, which may
        hold only the first layers.

    Raises:
      WeightsError: there is no such file, or it holds something else.
    """
    path = epath.Path(path).expanduser()
    if not path.exists():
        raise WeightsError(
            f"{path}: no weights of Inception there, which FID and IS need; "
            "`python -m bigbigan_jax.inception` downloads them, or give a file you have"
        )
    arrays = _read_npz(path) if path.suffix == ".npz" else read_torch_file(path)
    params = (
        _from_torch(path, arrays)
        if "Conv2d_1a_3x3.conv.weight" in arrays
        else _folded(path, arrays)
    )
    for scope, layer in params.items():
        if not all(np.isfinite(array).all() for array in layer.values()):
            raise WeightsError(f"{path}: {scope} has values that are not finite")
    outputs = _outputs(path, params)
    digest = hashlib.sha256()
    for scope in sorted(params):
        for part in sorted(params[scope]):
            digest.update(np.ascontiguousarray(params[scope][part]).tobytes())
    return InceptionWeights(params, outputs, digest.hexdigest()[:16])


def _read_npz(path: epath.Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(f"{path}: damaged or not an .npz file ({error})") from error


def _from_torch(path: epath.Path, arrays: Mapping[str, np.ndarray]) -> Params:
    """The layers by the graph's scopes, with BatchNorm folded in."""
    params = {}
    try:
        for name, scope in CONVOLUTIONS.items():
            weight, bn = arrays[f"{name}.conv.weight"].astype(np.float64), f"{name}.bn."
            scale = arrays[bn + "weight"] / np.sqrt(
                arrays[bn + "running_var"].astype(np.float64) + _BATCH_NORM_EPS
            )
            params[scope] = {
                "kernel": np.float32(weight.transpose(2, 3, 1, 0) * scale),
                "bias": np.float32(arrays[bn + "bias"] - arrays[bn + "running_mean"] * scale),
            }
        params["softmax"] = {"kernel": np.float32(arrays["fc.weight"].T)}
    except KeyError as error:
        raise WeightsError(f"{path}: {error} is missing; it must be pytorch-fid's file") from error
    except ValueError as error:
        raise WeightsError(f"{path}: {name} has arrays of other shapes ({error})") from error
    return params


def _folded(path: epath.Path, arrays: Mapping[str, np.ndarray]) -> Params:
    params: Params = {}
    for name, array in arrays.items():
        scope, _, part = name.rpartition("/")
        # The Inception Score is made without these.
        if (scope, part) != ("softmax", "bias"):
            if not np.issubdtype(array.dtype, np.number):
                raise WeightsError(f"{path}: {name} is of type {array.dtype}; it must be numbers")
            params.setdefault(scope.replace("/", "_"), {})[part] = np.float32(array)
    return params


def _outputs(path: epath.Path, params: Mapping[str, Any]) -> tuple[int, ...]:
    """The outputs that the weights reach; their shapes are checked on the way."""
    reached: list[int] = []
    image = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    missing = "conv"
    for output in (*TAPS, LOGITS):
        network = Inception(output)
        needed = jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)), image)
        for scope, layer in needed["params"].items():
            if scope not in params:
                missing = scope
                break
            for part, wanted in layer.items():
                found = params[scope].get(part)
                shape = None if found is None else found.shape
                if shape != wanted.shape:
                    raise WeightsError(
                        f"{path}: {scope}/{part} is {shape or 'missing'}; Inception of the graph "
                        f"of 2015-12-05 has {wanted.shape}"
                    )
        else:
            reached.append(output)
            continue
        break
    if not reached:
        raise WeightsError(
            f"{path}: not the weights of Inception ({missing} is missing); it must be {FILE} of "
            "pytorch-fid or an .npz of the same network"
        )
    return tuple(reached)
