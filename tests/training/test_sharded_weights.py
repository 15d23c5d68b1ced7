"""Every program with weights split over eight devices, against one device; and checkpoints."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from bigbigan_jax.checkpoints import Checkpoints
from bigbigan_jax.mesh import AXIS, data_mesh, replicated, shard_batches
from bigbigan_jax.models import partitioning
from bigbigan_jax.training.programs import Programs, abstract_state
from bigbigan_jax.training.run import build_family

KEY = jax.random.key(1)


@pytest.fixture(scope="module", autouse=True)
def everything_is_sharded():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitioning, "SMALLEST_SHARDED", 1)
        yield


@pytest.fixture
def family(tiny_config):
    """With a reversible encoder, whose batches are taken in two parts."""
    tiny_config.training.d_steps = 1
    tiny_config.model.encoder.update({"trunk": "revnet14", "width": 1 / 32})
    tiny_config.training.gradient_accumulation = 2
    return build_family(tiny_config)


def results(family, mesh, images):
    """Of every program, from the same initial state."""
    programs, everywhere = Programs.of(family, mesh), replicated(mesh)
    key = jax.device_put(KEY, everywhere)
    batch = shard_batches({"image": images}, mesh)
    found = {"state": programs.init(key)}
    found["monitor"] = programs.monitor(found["state"], batch, key)
    variables = programs.evaluation_variables(found["state"], batch["image"], key)
    found["sample"] = programs.sample(variables, key, 5)
    found["encode"] = programs.encode(variables, batch["image"][0])
    found["reconstruct"] = programs.reconstruct(variables, batch["image"][0])
    found["state"], found["metrics"] = programs.update(found["state"], batch, key)
    return found


def some_devices(count):
    return Mesh(np.array(jax.devices()[:count]), (AXIS,), axis_types=data_mesh().axis_types)


def test_eight_devices_do_as_one(family, tiny_bytes):
    one, eight = (results(family, some_devices(n), tiny_bytes[:1]) for n in (1, 8))
    kernel = eight["state"].params["encoder"]["head"]["block0_dense1"]["kernel"]
    assert kernel.sharding.shard_shape(kernel.shape) == (2, 16)
    for name in one:
        atol = 1 if name in ("sample", "reconstruct") else 1e-4  # bytes may round the other way
        for a, b in zip(jax.tree.leaves(one[name]), jax.tree.leaves(eight[name]), strict=True):
            a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
            np.testing.assert_allclose(a, b, rtol=2e-3, atol=atol, err_msg=name)


def test_a_checkpoint_of_eight_devices_goes_on_with_four(family, tmp_path):
    eight, four = some_devices(8), some_devices(4)
    state = Programs.of(family, eight).init(jax.device_put(KEY, replicated(eight)))
    with Checkpoints(tmp_path, keep_last=1, keep_every=None) as checkpoints:
        checkpoints.save(1, state, {}, {})
    target = abstract_state(family, four)
    with Checkpoints(tmp_path, keep_last=1, keep_every=None) as checkpoints:
        restored, _ = checkpoints.restore(target)
    for a, b, wanted in zip(*map(jax.tree.leaves, (state, restored, target)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert b.sharding == wanted.sharding
    assert any(not leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(target))
