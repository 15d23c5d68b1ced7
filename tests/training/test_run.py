"""What is refused before a run starts, and that refusing leaves no trace."""

import os

import pytest
from small_gan import get_config

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.config import ConfigError
from bigbigan_jax.data import DataError
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.run import prepare_run


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def changed(**fields):
    config = get_config()
    config.update_from_flattened_dict({name.replace("__", "."): v for name, v in fields.items()})
    return config


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The workdir of a short run."""
    workdir = tmp_path_factory.mktemp("trained")
    train(prepare_run(changed(steps=1), workdir))
    return workdir


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"batch_size": 12}, ConfigError, "batch_size is 12; .* a multiple of .* devices, 8"),
        ({"checkpoint__best_metric": "loss/d"}, ConfigError, "'loss/d'; this run has .*loss/D,"),
        ({"scores": ("labels",)}, ConfigError, "scores has 'labels', which needs an encoder"),
        ({"data__name": "digitz"}, DataError, "no data set is called 'digitz' .*digits"),
        ({"data__split": "valid"}, DataError, "'valid'.*train"),
        ({"data__eval_split": "valid"}, DataError, "'valid'.*train"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_leaves_no_workdir(fields, error, said, tmp_path):
    with pytest.raises(error, match=said):
        prepare_run(changed(**fields), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model__z_dim": 16}, "model.z_dim: .* 8, .* 16"),
        ({"seed": 1}, "seed: .* 0, .* 1"),
        ({"batch_size": 32}, "batch_size: .* 16, .* 32"),
        ({"data__split": "test"}, 'data.split: .* "train", .* "test"'),
    ],
)
@pytest.mark.parametrize("without", [None, "run.json", "checkpoints"])
def test_the_workdir_of_another_run_is_refused_and_left_as_it_is(
    fields, said, without, trained, tmp_path
):
    for name in {"run.json", "checkpoints"} - {without}:
        os.symlink(trained / name, tmp_path / name)
    before = contents(trained)
    with pytest.raises(CheckpointError, match=said) as refusal:
        prepare_run(changed(**fields), tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert contents(trained) == before


@pytest.mark.parametrize("name", ["fid_768/quick", "fid_100/train", "fid"])
def test_a_best_that_nobody_finds_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match=f"best_metric is '{name}'; .* such as fid_2048/train"):
        prepare_run(changed(checkpoint__best_metric=name), tmp_path)


def test_the_best_may_be_chosen_by_a_job_beside(tmp_path):
    prepare_run(changed(checkpoint__best_metric="fid_2048/train"), tmp_path)


def test_what_does_not_decide_what_is_trained_may_change(trained):
    run = prepare_run(changed(steps=9, checkpoint__every=3, data__workers=1), trained)
    assert run.config.steps == 9


def test_a_damaged_run_json_is_named(tmp_path):
    (tmp_path / "run.json").write_text('{"config": ')
    with pytest.raises(CheckpointError, match=f"{tmp_path}/run.json: not JSON"):
        prepare_run(get_config(), tmp_path)
