"""Checkpoints: what is kept, what comes back, and what happens to damaged ones."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from absl import logging
from damaged_checkpoints import (
    DAMAGES,
    empty,
    flip_a_bit,
    make_state,
    truncate_record,
)
from etils import epath
from jax.sharding import AxisType, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

from bigbigan_jax.checkpoints import CheckpointError, Checkpoints, evaluations, manager, reader

# Orbax closes its event loop on the first failed read while others are still under way.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect_unfinished_reads():
    """Collects those reads here, where the warning about them is ignored."""
    yield
    gc.collect()


def on_mesh(devices: int, spec: P):
    mesh = jax.make_mesh(
        (devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices]
    )
    return lambda x: NamedSharding(mesh, spec if x.shape and x.shape[0] % 8 == 0 else P())


def abstract(state, sharding=None):
    sharding = sharding or (lambda x: SingleDeviceSharding(jax.devices()[0]))
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding(x)), state
    )


def assert_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


def save_steps(workdir, steps, metrics=None, **policy):
    with Checkpoints(workdir, **{"keep_last": 9, "keep_every": None, **policy}) as ckpts:
        for step in steps:
            ckpts.save(step, make_state(step), {"at": step}, (metrics or {}).get(step))
    return ckpts.steps()


def open_all(workdir):
    return Checkpoints(workdir, keep_last=9, keep_every=None)


def test_round_trip_is_exact(tmp_path):
    state = make_state(3)
    with open_all(tmp_path) as ckpts:
        assert ckpts.restore(abstract(state)) is None
        assert ckpts.metadata() is None and ckpts.latest_step() is None and ckpts.steps() == []
        ckpts.save(5, state, {"config": {"shape": (1, 2)}})
        restored, metadata = ckpts.restore(abstract(state))
    assert_same(restored, state)
    assert metadata == {"config": {"shape": [1, 2]}}
    with open_all(tmp_path) as ckpts:
        assert ckpts.latest_step() == 5 and ckpts.metadata() == ckpts.metadata(5) == metadata
        assert_same(ckpts.restore(state)[0], state)  # arrays as the target


def test_a_reader_creates_nothing(tmp_path):
    with open_all(tmp_path / "absent") as ckpts:
        assert ckpts.restore({}) is None
    assert not (tmp_path / "absent").exists()


def test_arrays_may_be_donated_after_save(tmp_path):
    def add_one(state):
        return jax.tree.map(lambda x: x + jnp.ones((), x.dtype), state)

    update = jax.jit(add_one, donate_argnums=0)
    state = {"a": jnp.zeros((256, 256), jnp.float32), "b": jnp.zeros((), jnp.int32)}
    with Checkpoints(tmp_path, keep_last=9, keep_every=None) as ckpts:
        for step in range(1, 5):
            state = update(state)
            ckpts.save(step, state, {})
        for step in range(1, 5):
            restored, _ = ckpts.restore(abstract(state), step)
            assert int(restored["b"]) == step and float(restored["a"].min()) == step


@pytest.mark.parametrize("devices, spec", [(1, P()), (2, P("data")), (8, P()), (8, P("data"))])
def test_restores_onto_another_mesh(tmp_path, devices, spec):
    state = jax.device_put(make_state(), jax.tree.map(on_mesh(4, P("data")), make_state()))
    target = abstract(state, on_mesh(devices, spec))
    with open_all(tmp_path) as ckpts:
        ckpts.save(1, state, {})
        restored, _ = ckpts.restore(target)
    assert_same(restored, state)
    assert jax.tree.all(jax.tree.map(lambda x, t: x.sharding == t.sharding, restored, target))


def test_devices_share_the_saving_of_large_arrays_alone(tmp_path):
    state = {"small": jnp.arange(2**13), "large": jnp.arange(2**17)}  # slices of 4 and 64 KiB
    state = jax.device_put(state, jax.tree.map(on_mesh(8, P()), state))
    with open_all(tmp_path) as ckpts:
        ckpts.save(1, state, {})
        assert_same(ckpts.restore(abstract(state))[0], state)
    saved = ocp.PyTreeCheckpointHandler().metadata(epath.Path(tmp_path) / "checkpoints/1/state")
    chunks = {name: array.storage.chunk_shape for name, array in saved.tree.items()}
    assert chunks == {"small": (2**13,), "large": (2**14,)}


def test_keeps_the_last(tmp_path):
    assert save_steps(tmp_path, [1, 2, 3, 4], keep_last=2) == [3, 4]


def test_keeps_every_kth(tmp_path):
    assert save_steps(tmp_path, range(1, 8), keep_last=1, keep_every=3) == [3, 6, 7]


@pytest.mark.parametrize("mode, kept", [("min", [2, 6]), ("max", [3, 6])])
def test_keeps_the_best(tmp_path, mode, kept):
    fid = {1: 5.0, 2: 1.0, 3: 9.0, 4: 2.0, 5: float("nan")}
    metrics = {step: {"fid": value, "other": 0.0} for step, value in fid.items()}
    assert (
        save_steps(tmp_path, range(1, 7), metrics, keep_last=1, best_metric="fid", best_mode=mode)
        == kept
    )
    assert sorted(int(f.name) for f in (tmp_path / "checkpoints").iterdir()) == kept


def test_takes_the_best_by_a_job_beside_training(tmp_path):
    policy = {"keep_last": 1, "keep_every": None, "best_metric": "fid_2048/train"}
    with Checkpoints(tmp_path, **policy) as ckpts:
        for step in range(1, 5):
            ckpts.save(step, make_state(step), {}, {"loss": 1.0})
            ckpts.wait()
            leaves = reader.read_record(tmp_path / "checkpoints" / str(step))["leaves"]
            for weights, fid in ((evaluations.weights_number(leaves), abs(step - 2.0)), (7, -1.0)):
                file = evaluations.evaluation_file(epath.Path(tmp_path), step, weights)
                found = {"metrics": {"fid_2048/train": fid, "is": np.nan}, "results": []}
                evaluations.write_evaluations(file, {"step": step, **found})
            ckpts.add_metrics(step, {"probe/top-1": 0.5})
    with Checkpoints(tmp_path, **policy) as ckpts:
        assert ckpts.steps() == [2, 4]
        assert ckpts.metrics(2) == {"loss": 1.0, "fid_2048/train": 0.0, "probe/top-1": 0.5}


def test_a_damaged_evaluation_harms_no_checkpoint_and_is_set_aside(tmp_path, caplog):
    save_steps(tmp_path, [1], {1: {"loss": 1.0}})
    folder = epath.Path(tmp_path) / "checkpoints" / "1"
    leaves = reader.read_record(folder)["leaves"]
    file = evaluations.evaluation_file(epath.Path(tmp_path), 1, evaluations.weights_number(leaves))
    file.parent.mkdir()
    null = '{"step": 1, "metrics": {"is": null}, "results": []}'
    for damaged in ("", "[]", "{}", null):
        file.write_text(damaged)
        assert reader.read_record(folder)["metrics"] == {"loss": 1.0}
    assert "is damaged" in caplog.text
    evaluations.write_evaluations(file, {"step": 1, "metrics": {"is": 2.0}, "results": []})
    assert reader.read_record(folder)["metrics"] == {"loss": 1.0, "is": 2.0}
    assert len(list(file.parent.iterdir())) == 2


def test_keeps_what_is_pinned_until_another_is(tmp_path):
    with Checkpoints(tmp_path, keep_last=1, keep_every=None) as ckpts:
        for step in range(1, 7):
            ckpts.save(step, make_state(step), {})
            if step in (2, 4):
                ckpts.pin(step)
    assert ckpts.steps() == [4, 6]


def test_remembers_the_best_after_a_restart_and_beside_a_damaged_one(tmp_path):
    policy = {"keep_last": 2, "best_metric": "fid"}
    save_steps(tmp_path, [1, 2, 3], {1: {"fid": 1.0}, 2: {"fid": 4.0}, 3: {"fid": 3.0}}, **policy)
    truncate_record(tmp_path / "checkpoints" / "3")
    assert save_steps(tmp_path, [4, 5], {5: {"fid": 2.0}}, **policy) == [1, 4, 5]


def test_all_policies_together(tmp_path):
    kept = save_steps(
        tmp_path, range(1, 10), {2: {"fid": 1.0}}, keep_last=2, keep_every=5, best_metric="fid"
    )
    assert kept == [2, 5, 8, 9]


@pytest.mark.parametrize("step", [10, 20])
def test_refuses_a_step_that_is_not_new(tmp_path, step):
    save_steps(tmp_path, [10, 20])
    with open_all(tmp_path) as ckpts, pytest.raises(CheckpointError, match="step 20 already"):
        ckpts.save(step, make_state(), {})
    with open_all(tmp_path) as ckpts:
        (tmp_path / "checkpoints" / "30").mkdir()  # unknown to the manager
        with pytest.raises(CheckpointError, match="step 30 already"):
            ckpts.save(30, make_state(), {})


def test_refuses_a_leaf_that_is_no_array(tmp_path):
    with open_all(tmp_path) as ckpts, pytest.raises(CheckpointError, match=r"a\.b is .*float"):
        ckpts.save(1, {"a": {"b": 1.0}}, {})


@pytest.mark.parametrize("damage", DAMAGES)
def test_sets_a_damaged_one_aside_and_takes_the_next_older(tmp_path, damage, monkeypatch):
    warnings = []
    save_steps(tmp_path, [10, 20])
    damage(tmp_path / "checkpoints" / "20")
    before = {
        f.relative_to(tmp_path / "checkpoints" / "20")
        for f in (tmp_path / "checkpoints" / "20").rglob("*")
    }
    monkeypatch.setattr(logging, "warning", lambda text, *args: warnings.append(text % args))
    with open_all(tmp_path) as ckpts:
        with pytest.raises(CheckpointError, match="checkpoints/20: damaged"):
            ckpts.restore(abstract(make_state()), 20)
        assert ckpts.steps() == [10, 20]
        state, metadata = ckpts.restore(abstract(make_state()))
        assert ckpts.steps() == [10]
        ckpts.save(20, make_state(20), {"at": 20})
    assert_same(state, make_state(10))
    assert metadata == {"at": 10}
    (moved,) = (tmp_path / "checkpoints_damaged").iterdir()
    assert moved.name == ("20_checksum" if damage is flip_a_bit else "20_unreadable")
    assert {f.relative_to(moved) for f in moved.rglob("*")} == before
    assert any(str(moved) in line for line in warnings)


def test_metadata_skips_damaged_records(tmp_path):
    save_steps(tmp_path, [10, 20])
    truncate_record(tmp_path / "checkpoints" / "20")
    with open_all(tmp_path) as ckpts:
        assert ckpts.metadata() == {"at": 10}
        with pytest.raises(CheckpointError, match="checkpoints/20: damaged"):
            ckpts.metadata(20)
        truncate_record(tmp_path / "checkpoints" / "10")
        with pytest.raises(CheckpointError, match="no checkpoint there has a readable record"):
            ckpts.metadata()
        assert ckpts.steps() == [10, 20]


def test_says_so_when_all_are_damaged_and_never_overwrites(tmp_path):
    for _ in range(2):
        save_steps(tmp_path, [10])
        empty(tmp_path / "checkpoints" / "10")
        with open_all(tmp_path) as ckpts:
            for _ in range(2):  # a relaunch must not take it for a new run
                with pytest.raises(CheckpointError, match="all checkpoints were damaged"):
                    ckpts.restore(abstract(make_state()))
    names = sorted(f.name for f in (tmp_path / "checkpoints_damaged").iterdir())
    assert names == ["10_unreadable", "10_unreadable_2"]


def test_a_missing_step_is_named(tmp_path):
    save_steps(tmp_path, [10])
    with open_all(tmp_path) as ckpts, pytest.raises(CheckpointError, match=r"there are.*\[10\]"):
        ckpts.restore(abstract(make_state()), 11)


def replace(state, **leaves):
    return {**state, "params": {**state["params"], **leaves}}


@pytest.mark.parametrize(
    "other, message",
    [
        (dict(kernel=jnp.zeros((16, 4))), r"params\.kernel: .*float32\[16, 8\].*float32\[16, 4\]"),
        (dict(bias=jnp.zeros((8,), jnp.float32)), r"params\.bias: .*bfloat16\[8\].*float32\[8\]"),
        (dict(extra=jnp.zeros(3)), r"params\.extra: checkpoint has no such leaf"),
        (dict(bias=None), r"params\.bias: .* model has no such leaf"),
    ],
)
def test_another_model_is_an_error_not_damage(tmp_path, other, message):
    save_steps(tmp_path, [10, 20])
    with open_all(tmp_path) as ckpts:
        with pytest.raises(CheckpointError, match=message):
            ckpts.restore(abstract(replace(make_state(), **other)))
        assert ckpts.steps() == [10, 20]
    assert not (tmp_path / "checkpoints_damaged").exists()


def test_a_sharding_that_does_not_fit_is_an_error_not_damage(tmp_path):
    save_steps(tmp_path, [10])
    mesh_of_3 = jax.make_mesh(
        (3,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:3]
    )
    target = abstract(make_state(), lambda x: NamedSharding(mesh_of_3, P(*["data"][: x.ndim])))
    with open_all(tmp_path) as ckpts, pytest.raises(CheckpointError, match="cannot shard"):
        ckpts.restore(target)
    assert not (tmp_path / "checkpoints_damaged").exists()


@pytest.mark.parametrize(
    "failure", [PermissionError("no"), MemoryError(), ValueError("UNAVAILABLE: gone away")]
)
def test_a_failure_of_the_machine_moves_nothing(tmp_path, failure, monkeypatch):
    save_steps(tmp_path, [10, 20])

    def fail(*args, **kwargs):
        raise Exception("Encountered error while reading") from failure

    monkeypatch.setattr(reader.ocp.PyTreeCheckpointHandler, "restore", fail)
    with open_all(tmp_path) as ckpts, pytest.raises(CheckpointError, match="may be whole"):
        ckpts.restore(abstract(make_state()))
    assert not (tmp_path / "checkpoints_damaged").exists()


def test_a_failed_save_is_reported_and_loses_nothing(tmp_path, monkeypatch):
    save_steps(tmp_path, [10])

    def full(*args, **kwargs):
        raise OSError("No space left on device")

    ckpts = Checkpoints(tmp_path, keep_last=1, keep_every=None)
    monkeypatch.setattr(manager.ocp.JsonCheckpointHandler, "_save_fn", full)
    with pytest.raises(CheckpointError, match="No space left"):
        ckpts.save(20, make_state(20), {})
        ckpts.wait()
    monkeypatch.undo()
    with open_all(tmp_path) as ckpts:
        assert_same(ckpts.restore(abstract(make_state()))[0], make_state(10))


KILLED_IN_MID_SAVE = """
    import asyncio, os, pathlib, signal, sys
    import jax.numpy as jnp
    import orbax.checkpoint as ocp
    from bigbigan_jax.checkpoints import Checkpoints

    ckpts = Checkpoints(sys.argv[1], keep_last=1, keep_every=None)
    ckpts.save(10, {"a": jnp.arange(9.0)}, {"at": 10})
    ckpts.wait()

    async def die(*args):
        while not any(pathlib.Path(sys.argv[1]).glob("checkpoints/20*/state*/_METADATA")):
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)

    ocp.JsonCheckpointHandler._save_fn = die
    ckpts.save(20, {"a": jnp.arange(9.0) + 1.0}, {"at": 20})
    ckpts.wait()
"""


def test_kill_in_mid_save_does_not_disturb_the_next_start(tmp_path):
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED_IN_MID_SAVE), str(tmp_path)],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    folder = tmp_path / "checkpoints"
    names = {f.name.split(".")[0]: f for f in folder.iterdir()}
    assert set(names) == {"10", "20"} and "tmp" in names["20"].name
    with Checkpoints(tmp_path, keep_last=1, keep_every=None) as ckpts:
        state, metadata = ckpts.restore({"a": jnp.zeros(9)})
        assert metadata == {"at": 10}
        assert names["20"].exists()  # a mere reader removes nothing
        ckpts.save(20, state, {"at": 20})
    assert [f.name for f in folder.iterdir()] == ["20"]


def test_a_save_cut_short_under_its_final_name_is_replaced(tmp_path, monkeypatch):
    """On object stores Orbax writes in place and marks what is complete."""
    save_steps(tmp_path, [10])
    (tmp_path / "checkpoints" / "20").mkdir()
    unmarked = str(tmp_path / "checkpoints" / "20")
    monkeypatch.setattr(manager.ocp.utils, "is_tmp_checkpoint", lambda path: str(path) == unmarked)
    with Checkpoints(tmp_path, keep_last=2, keep_every=None) as ckpts:
        ckpts._manager.all_steps = lambda: [10]  # as Orbax answers there
        ckpts.save(20, {"a": jnp.zeros(9)}, {"at": 20})
        ckpts.wait()
    with Checkpoints(tmp_path, keep_last=2, keep_every=None) as ckpts:
        assert ckpts.restore({"a": jnp.zeros(9)})[1] == {"at": 20}


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save_steps("run", [1]) == [1]
    assert (tmp_path / "run" / "checkpoints" / "1").is_dir()
    assert str(manager.absolute("gs://bucket/run")) == "gs://bucket/run"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert manager.absolute("~/run") == epath.Path(tmp_path / "run")


@pytest.mark.parametrize("policy", [{"keep_last": 0}, {"keep_every": 0}, {"best_mode": "best"}])
def test_refuses_impossible_policies(tmp_path, policy):
    with pytest.raises(ValueError):
        save_steps(tmp_path, [1], **policy)
