"""What pytorch-fid calls the layers of Inception, and what the graph of 2015 calls them."""

import itertools
from collections.abc import Iterator

_STEM = {
    "Conv2d_1a_3x3": "conv",
    "Conv2d_2a_3x3": "conv_1",
    "Conv2d_2b_3x3": "conv_2",
    "Conv2d_3b_1x1": "conv_3",
    "Conv2d_4a_3x3": "conv_4",
}
_BLOCKS = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")


def _numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}_{number}" if number else prefix for number in range(count)]


_ENDS = {
    "5": {
        "branch1x1": "conv",
        "branch5x5_1": "tower_conv",
        "branch5x5_2": "tower_conv_1",
        **{f"branch3x3dbl_{i + 1}": name for i, name in enumerate(_numbered("tower_1_conv", 3))},
        "branch_pool": "tower_2_conv",
    },
    "6a": {
        "branch3x3": "conv",
        **{f"branch3x3dbl_{i + 1}": name for i, name in enumerate(_numbered("tower_conv", 3))},
    },
    "6": {
        "branch1x1": "conv",
        **{f"branch7x7_{i + 1}": name for i, name in enumerate(_numbered("tower_conv", 3))},
        **{f"branch7x7dbl_{i + 1}": name for i, name in enumerate(_numbered("tower_1_conv", 5))},
        "branch_pool": "tower_2_conv",
    },
    "7a": {
        **{f"branch3x3_{i + 1}": name for i, name in enumerate(_numbered("tower_conv", 2))},
        **{f"branch7x7x3_{i + 1}": name for i, name in enumerate(_numbered("tower_1_conv", 4))},
    },
    "7": {
        "branch1x1": "conv",
        "branch3x3_1": "tower_conv",
        "branch3x3_2a": "tower_mixed_conv",
        "branch3x3_2b": "tower_mixed_conv_1",
        "branch3x3dbl_1": "tower_1_conv",
        "branch3x3dbl_2": "tower_1_conv_1",
        "branch3x3dbl_3a": "tower_1_mixed_conv",
        "branch3x3dbl_3b": "tower_1_mixed_conv_1",
        "branch_pool": "tower_2_conv",
    },
}


def _of_blocks() -> Iterator[tuple[str, str]]:
    for block, scope in zip(_BLOCKS, _numbered("mixed", len(_BLOCKS)), strict=True):
        for branch, end in _ENDS.get(block, _ENDS[block[0]]).items():
            yield f"Mixed_{block}.{branch}", f"{scope}_{end}"


# By pytorch-fid's name of a convolution with its BatchNorm, the graph's scope.
CONVOLUTIONS = dict(itertools.chain(_STEM.items(), _of_blocks()))
