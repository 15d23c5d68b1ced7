"""Slices as they are written on the command line."""

import pytest

from bigbigan_jax.plan.errors import SliceError
from bigbigan_jax.plan.topologies import parse_slice


@pytest.mark.parametrize(
    ("text", "chips", "devices", "accelerator"),
    [
        ("v2:8x8", 64, 128, "v2-128"),
        ("v3:8x8", 64, 128, "v3-128"),
        ("v3:4x8", 32, 64, "v3-64"),
        ("v4:4x4x4", 64, 64, "v4-128"),
        ("v5e:16x16", 256, 256, "v5litepod-256"),
        ("v5e:2x4", 8, 8, "v5litepod-8"),
        ("v5e:4x2", 8, 8, None),
        ("v5e:2x8", 16, 16, None),
        ("v5p:2x2x1", 4, 4, "v5p-8"),
        ("v5p:1x1x1", 1, 1, None),
        ("v3:1x1", 1, 2, None),
        ("v6e:8x8", 64, 64, "v6e-64"),
        (" v6e:1x1", 1, 1, "v6e-1"),
    ],
)
def test_slices(text, chips, devices, accelerator):
    tpu = parse_slice(text)
    assert (tpu.chips, tpu.devices, tpu.accelerator_type) == (chips, devices, accelerator)
    assert tpu.name == text.strip()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("v9:2x2", "v2, v3, v4, v5e, v5p, v6e"),
        ("v3-128", "such as v3:8x8"),
        ("v3:4x4x4", "v3 has 2 axes"),
        ("v4:4x4", "v4 has 3 axes.*v4:4x4x4"),
        ("v3:0x2", "1 chip or more"),
        ("v5e:8", "such as v5e:8x8"),
        ("v5e:8x", "such as v5e:8x8"),
        ("v5e:32x32", "at most 256"),
    ],
)
def test_what_is_no_slice(text, hint):
    with pytest.raises(SliceError, match=hint) as error:
        parse_slice(text)
    assert "\n" not in str(error.value) and text in str(error.value)
