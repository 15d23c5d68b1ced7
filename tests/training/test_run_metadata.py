"""Run metadata: which differences forbid to continue a run, and which are only told."""

import copy

import pytest

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.config import default_config
from bigbigan_jax.training.run_metadata import check_resumable, run_metadata

CONFIG = {
    "family": "bigbigan",
    "model": {"generator": {"channels": 96, "widths": (16, 8)}, "encoder": {}},
    "data": {"name": "imagenet", "data_dir": "/a", "workers": 4, "eval_split": "v", "size": 128},
    "optimizer": {"rate": 2e-4},
    "training": {"final_rate_share": 1.0},
    "seed": 0,
    "batch_size": 2048,
    "steps": 100,
}


def changed(path: str, value) -> dict:
    config = copy.deepcopy(CONFIG)
    *parents, name = path.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[name]
    else:
        node[name] = value
    return run_metadata(config, "f")


def test_holds_what_is_needed_to_know_a_run():
    metadata = run_metadata(CONFIG, "abc")
    assert metadata["data_fingerprint"] == "abc"
    assert metadata["config"]["model"]["generator"]["widths"] == [16, 8]
    assert set(metadata["versions"]) == {
        "python",
        "jax",
        "flax",
        "optax",
        "orbax-checkpoint",
        "bigbigan_jax",
    }
    with pytest.raises(TypeError):
        run_metadata({"a": object()}, "abc")


def test_the_same_run_may_continue():
    assert check_resumable(run_metadata(CONFIG, "f"), run_metadata(CONFIG, "f")) == []
    # A saved one that never went through JSON is the same too.
    raw = {**run_metadata(CONFIG, "f"), "config": CONFIG}
    assert check_resumable(raw, run_metadata(CONFIG, "f")) == []


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("family", "biggan", 'family: checkpoint has "bigbigan", config has "biggan"'),
        (
            "model.generator.channels",
            64,
            "generator.channels: checkpoint has 96, config has 64",
        ),
        ("model.generator.channels", None, "checkpoint has 96, config has nothing"),
        ("model.encoder.width", 2, "model.encoder.width: checkpoint has nothing, config has 2"),
        ("model.generator.widths", [16, 4], r"checkpoint has \[16, 8\], config has \[16, 4\]"),
        ("data.size", 64, "data.size: checkpoint has 128"),
        ("training.final_rate_share", 0.5, "final_rate_share: checkpoint has 1.0, config has 0.5"),
        ("seed", 1, "seed"),
        ("batch_size", 1, "batch_size.*another --workdir"),
    ],
)
def test_another_model_or_data_may_not(path, value, message):
    with pytest.raises(CheckpointError, match=message):
        check_resumable(run_metadata(CONFIG, "f"), changed(path, value))


def test_other_data_may_not():
    with pytest.raises(CheckpointError, match='data fingerprint: checkpoint has "f", .* "g"'):
        check_resumable(run_metadata(CONFIG, "f"), run_metadata(CONFIG, "g"))
    with pytest.raises(CheckpointError, match="and 5 more"):
        check_resumable({}, run_metadata({"data": {str(i): i for i in range(7)}}, "f"))


@pytest.mark.parametrize(
    "path, value",
    [
        ("data.data_dir", "/b"),
        ("data.workers", 8),
        ("data.eval_split", "t"),
        ("optimizer.rate", 1e-4),
        ("steps", 200),
        ("seeds", 1),
        ("steps", None),
    ],
)
def test_other_differences_are_told(path, value):
    (line,) = check_resumable(run_metadata(CONFIG, "f"), changed(path, value))
    assert line.startswith(f"{path}: checkpoint has ")


def test_other_versions_are_told():
    saved = run_metadata(CONFIG, "f")
    saved["versions"]["jax"] = "0.1"
    (line,) = check_resumable(saved, run_metadata(CONFIG, "f"))
    assert line.startswith('jax: checkpoint was written by "0.1"')


def test_a_field_that_came_later_is_no_difference_at_its_default():
    config = default_config().to_dict()
    older = copy.deepcopy(config)
    del (
        older["model"]["architecture"],
        older["data"]["on_device"],
        older["training"]["steps_at_once"],
    )
    assert check_resumable(run_metadata(older, "f"), run_metadata(config, "f")) == []
    config["model"]["architecture"] = "mlp"
    with pytest.raises(CheckpointError, match="architecture: checkpoint has nothing"):
        check_resumable(run_metadata(older, "f"), run_metadata(config, "f"))
