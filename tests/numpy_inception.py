"""Inception of the graph of 2015-12-05 again, plainly, in float64, of pytorch-fid's arrays."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

CONVOLUTIONS = {
    "Conv2d_1a_3x3": (3, 32, 3, 3),
    "Conv2d_2a_3x3": (32, 32, 3, 3),
    "Conv2d_2b_3x3": (32, 64, 3, 3),
    "Conv2d_3b_1x1": (64, 80, 1, 1),
    "Conv2d_4a_3x3": (80, 192, 3, 3),
}
for block, width, pooled in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
    CONVOLUTIONS |= {
        f"Mixed_{block}.branch1x1": (width, 64, 1, 1),
        f"Mixed_{block}.branch5x5_1": (width, 48, 1, 1),
        f"Mixed_{block}.branch5x5_2": (48, 64, 5, 5),
        f"Mixed_{block}.branch3x3dbl_1": (width, 64, 1, 1),
        f"Mixed_{block}.branch3x3dbl_2": (64, 96, 3, 3),
        f"Mixed_{block}.branch3x3dbl_3": (96, 96, 3, 3),
        f"Mixed_{block}.branch_pool": (width, pooled, 1, 1),
    }
CONVOLUTIONS |= {
    "Mixed_6a.branch3x3": (288, 384, 3, 3),
    "Mixed_6a.branch3x3dbl_1": (288, 64, 1, 1),
    "Mixed_6a.branch3x3dbl_2": (64, 96, 3, 3),
    "Mixed_6a.branch3x3dbl_3": (96, 96, 3, 3),
}
for block, inner in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
    CONVOLUTIONS |= {
        f"Mixed_{block}.branch1x1": (768, 192, 1, 1),
        f"Mixed_{block}.branch7x7_1": (768, inner, 1, 1),
        f"Mixed_{block}.branch7x7_2": (inner, inner, 1, 7),
        f"Mixed_{block}.branch7x7_3": (inner, 192, 7, 1),
        f"Mixed_{block}.branch7x7dbl_1": (768, inner, 1, 1),
        f"Mixed_{block}.branch7x7dbl_2": (inner, inner, 7, 1),
        f"Mixed_{block}.branch7x7dbl_3": (inner, inner, 1, 7),
        f"Mixed_{block}.branch7x7dbl_4": (inner, inner, 7, 1),
        f"Mixed_{block}.branch7x7dbl_5": (inner, 192, 1, 7),
        f"Mixed_{block}.branch_pool": (768, 192, 1, 1),
    }
CONVOLUTIONS |= {
    "Mixed_7a.branch3x3_1": (768, 192, 1, 1),
    "Mixed_7a.branch3x3_2": (192, 320, 3, 3),
    "Mixed_7a.branch7x7x3_1": (768, 192, 1, 1),
    "Mixed_7a.branch7x7x3_2": (192, 192, 1, 7),
    "Mixed_7a.branch7x7x3_3": (192, 192, 7, 1),
    "Mixed_7a.branch7x7x3_4": (192, 192, 3, 3),
}
for block, width in (("7b", 1280), ("7c", 2048)):
    CONVOLUTIONS |= {
        f"Mixed_{block}.branch1x1": (width, 320, 1, 1),
        f"Mixed_{block}.branch3x3_1": (width, 384, 1, 1),
        f"Mixed_{block}.branch3x3_2a": (384, 384, 1, 3),
        f"Mixed_{block}.branch3x3_2b": (384, 384, 3, 1),
        f"Mixed_{block}.branch3x3dbl_1": (width, 448, 1, 1),
        f"Mixed_{block}.branch3x3dbl_2": (448, 384, 3, 3),
        f"Mixed_{block}.branch3x3dbl_3a": (384, 384, 1, 3),
        f"Mixed_{block}.branch3x3dbl_3b": (384, 384, 3, 1),
        f"Mixed_{block}.branch_pool": (width, 192, 1, 1),
    }


def random_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Weights that let signals through, float32, by pytorch-fid's names."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, (inputs, outputs, height, width) in CONVOLUTIONS.items():
        scale = np.sqrt(2 / (inputs * height * width))
        arrays[f"{name}.conv.weight"] = scale * rng.normal(size=(outputs, inputs, height, width))
        arrays[f"{name}.bn.weight"] = rng.uniform(0.8, 1.2, outputs)
        arrays[f"{name}.bn.bias"] = rng.normal(scale=0.1, size=outputs)
        arrays[f"{name}.bn.running_mean"] = rng.normal(scale=0.1, size=outputs)
        arrays[f"{name}.bn.running_var"] = rng.uniform(0.8, 1.2, outputs)
    arrays["fc.weight"] = rng.normal(scale=1 / np.sqrt(2048), size=(1008, 2048))
    arrays["fc.bias"] = rng.normal(size=1008)
    return {name: np.float32(array) for name, array in arrays.items()}


def stem_arrays() -> dict[str, np.ndarray]:
    """Random weights of the layers before the first max pool, by the graph's scopes, folded."""
    arrays, folded = random_arrays(), {}
    names = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3")
    for name, scope in zip(names, ("conv", "conv_1", "conv_2"), strict=True):
        folded[f"{scope}/kernel"] = arrays[f"{name}.conv.weight"].transpose(2, 3, 1, 0)
        folded[f"{scope}/bias"] = arrays[f"{name}.bn.bias"]
    return folded


def _windows(x: np.ndarray, pad: int, value: float) -> np.ndarray:
    x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], constant_values=value)
    return sliding_window_view(x, (3, 3), (2, 3))


def _max_pool(x: np.ndarray, stride: int = 2, pad: int = 0) -> np.ndarray:
    return _windows(x, pad, -np.inf)[:, :, ::stride, ::stride].max((4, 5))


def _mean_pool(x: np.ndarray) -> np.ndarray:
    return np.nanmean(_windows(x, 1, np.nan), (4, 5))


class _Plain:
    """The layers and the blocks, as methods of their weights."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.arrays = arrays

    def conv(self, name: str, x: np.ndarray, stride: int = 1, same: bool = True) -> np.ndarray:
        weight = self.arrays[f"{name}.conv.weight"].astype(np.float64)
        height, width = weight.shape[2:]
        pad = (height // 2, width // 2) if same else (0, 0)
        x = np.pad(x, [(0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2])
        windows = sliding_window_view(x, (height, width), (2, 3))[:, :, ::stride, ::stride]
        y = np.einsum("bchwij,ocij->bohw", windows, weight, optimize=True)
        bn = {
            part: self.arrays[f"{name}.bn.{part}"].astype(np.float64)[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        normal = (y - bn["running_mean"]) / np.sqrt(bn["running_var"] + 1e-3)
        return np.maximum(0, bn["weight"] * normal + bn["bias"])

    def chain(self, block: str, x: np.ndarray, *branches: str) -> np.ndarray:
        for branch in branches:
            x = self.conv(f"Mixed_{block}.{branch}", x)
        return x

    def a(self, block: str, x: np.ndarray) -> list[np.ndarray]:
        return [
            self.chain(block, x, "branch1x1"),
            self.chain(block, x, "branch5x5_1", "branch5x5_2"),
            self.chain(block, x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
            self.chain(block, _mean_pool(x), "branch_pool"),
        ]

    def c(self, block: str, x: np.ndarray) -> list[np.ndarray]:
        return [
            self.chain(block, x, "branch1x1"),
            self.chain(block, x, "branch7x7_1", "branch7x7_2", "branch7x7_3"),
            self.chain(block, x, *[f"branch7x7dbl_{i}" for i in range(1, 6)]),
            self.chain(block, _mean_pool(x), "branch_pool"),
        ]

    def e(self, block: str, x: np.ndarray, pooled: np.ndarray) -> list[np.ndarray]:
        three = self.chain(block, x, "branch3x3_1")
        double = self.chain(block, x, "branch3x3dbl_1", "branch3x3dbl_2")
        return [
            self.chain(block, x, "branch1x1"),
            *[self.chain(block, three, f"branch3x3_2{end}") for end in "ab"],
            *[self.chain(block, double, f"branch3x3dbl_3{end}") for end in "ab"],
            self.chain(block, pooled, "branch_pool"),
        ]


def outputs(arrays: dict[str, np.ndarray], images: np.ndarray) -> dict[int, np.ndarray]:
    """All outputs for images [B, 299, 299, 3], 0 to 255."""
    plain = _Plain(arrays)
    found = {}
    x = (images.transpose(0, 3, 1, 2).astype(np.float64) - 128) / 128
    x = plain.conv("Conv2d_1a_3x3", x, 2, same=False)
    x = _max_pool(plain.conv("Conv2d_2b_3x3", plain.conv("Conv2d_2a_3x3", x, same=False)))
    found[64] = x
    x = _max_pool(plain.conv("Conv2d_4a_3x3", plain.conv("Conv2d_3b_1x1", x), same=False))
    found[192] = x
    for block in ("5b", "5c", "5d"):
        x = np.concatenate(plain.a(block, x), 1)
    double = plain.chain("6a", x, "branch3x3dbl_1", "branch3x3dbl_2")
    parts = [
        plain.conv("Mixed_6a.branch3x3", x, 2, same=False),
        plain.conv("Mixed_6a.branch3x3dbl_3", double, 2, same=False),
        _max_pool(x),
    ]
    x = np.concatenate(parts, 1)
    for block in ("6b", "6c", "6d", "6e"):
        x = np.concatenate(plain.c(block, x), 1)
    found[768] = x
    three = plain.chain("7a", x, "branch3x3_1")
    seven = plain.chain("7a", x, "branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3")
    parts = [
        plain.conv("Mixed_7a.branch3x3_2", three, 2, same=False),
        plain.conv("Mixed_7a.branch7x7x3_4", seven, 2, same=False),
        _max_pool(x),
    ]
    x = np.concatenate(parts, 1)
    x = np.concatenate(plain.e("7b", x, _mean_pool(x)), 1)
    x = np.concatenate(plain.e("7c", x, _max_pool(x, 1, 1)), 1)
    found[2048] = x
    found = {tap: value.mean((2, 3)) for tap, value in found.items()}
    return found | {1008: found[2048] @ arrays["fc.weight"].astype(np.float64).T}
