"""The first layers of Inception with random weights: enough for 64-D features, and quick."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "inception"))

from numpy_inception import random_arrays

from bigbigan_jax.inception.names import CONVOLUTIONS


@pytest.fixture(scope="session")
def stem(tmp_path_factory):
    """A file of weights that reach the 64-D features."""
    arrays, folded = random_arrays(), {}
    for name, scope in list(CONVOLUTIONS.items())[:3]:
        folded[f"{scope}/kernel"] = arrays[f"{name}.conv.weight"].transpose(2, 3, 1, 0)
        folded[f"{scope}/bias"] = arrays[f"{name}.bn.bias"]
    path = tmp_path_factory.mktemp("inception") / "stem.npz"
    np.savez(path, **folded)
    return path
