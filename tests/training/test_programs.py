"""The compiled programs of a run over eight devices."""

import re

import pytest

from bigbigan_jax.mesh import data_mesh
from bigbigan_jax.training.programs import Programs, abstract_batch, abstract_key
from bigbigan_jax.training.run import build_family


@pytest.mark.parametrize("name", ["update", "monitor"])
def test_devices_share_the_images_of_a_batch(tiny_config, name):
    """No convolution sees the whole batch; 2·B is what D sees of B."""
    mesh = data_mesh()
    tiny_config.batch_size = 64
    family = build_family(tiny_config)
    programs = Programs.of(family, mesh)
    arguments = (programs.state, abstract_batch(family, 64, mesh), abstract_key(mesh))
    text = getattr(programs, name).lower(*arguments).compile().as_text()
    batches = {int(b) for b in re.findall(r"= f32\[(\d+),\d+,\d+,\d+\]\S* convolution\(", text)}
    assert 64 // 8 in batches
    assert not {64, 128} & batches
