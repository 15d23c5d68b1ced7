"""The command line of the transfer protocol."""

import json
import runpy
from pathlib import Path

import pytest
from small_scenes import prepare_scenes

from bigbigan_jax.training.loop import train
from bigbigan_jax.training.run import prepare_run
from bigbigan_jax.transfer.__main__ import main, parse

ARGUMENTS = ["--workdir=runs/none", "--data=digits"]
FILE = Path(__file__).parents[2] / "configs" / "bigan_imagenet.py"


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """One step of a narrow BiGAN of 16 px, on digits."""
    config = runpy.run_path(str(FILE))["get_config"]("bigan")
    config.steps, config.batch_size, config.training.statistics_batches = 1, 8, 1
    config.data.update({"name": "digits", "eval_split": "test", "workers": 0})
    config.model.update({"image_size": 16, "image_channels": 1, "width": 1 / 64, "z_dim": 4})
    config.model.encoder.image_size = 32
    folder = tmp_path_factory.mktemp("bigan")
    train(prepare_run(config, folder))
    return folder


def test_both_protocols_from_a_checkpoint_to_a_table(workdir, tmp_path, capsys):
    prepare_scenes(str(tmp_path))
    capsys.readouterr()
    small = [f"--workdir={workdir}", "--image_size=32", "--units=4", "--steps=2", "--batch_size=8"]
    voc = ["--data=bigbigan_scenes", f"--data_dir={tmp_path}", "--protocol=voc"]
    voc += ["--train=train", "--validation=train", f"--json={tmp_path / 'voc.json'}"]
    assert main([*small, *voc, "--trained", "fc8", "all"]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split() == ["trained", "mAP"]
    assert [row.split()[0] for row in rows] == ["fc8", "all"]
    results = json.loads((tmp_path / "voc.json").read_text())["results"]
    assert [set(row["classes"]) for row in results] == [{"cat", "dog"}] * 2
    assert results[0]["mAP"] == pytest.approx(sum(results[0]["classes"].values()) / 2)
    assert main([*small, "--data=digits", "--validation=test", "--frozen", "0", "3"]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split() == ["E's", "top-1", "top-5"]
    assert [row.split()[0] for row in rows] == ["none", "conv1-3"]
    saved = workdir / "transfer"
    assert {str(p.relative_to(saved)) for p in saved.glob("*/*")} == {
        "voc/fc8", "voc/all", "imagenet/none", "imagenet/conv1-3"
    }  # fmt: skip
    assert main([*small, "--data=digits", "--validation=test", "--frozen=3", "--seed=1"]) == 1
    assert "imagenet/conv1-3 has a training with seed 0, not 1" in capsys.readouterr().err


def test_by_default_all_layers_one_after_the_other():
    flags = parse(ARGUMENTS)
    assert flags.frozen == [1, 2, 3, 4, 5] and flags.steps == 450_000
    assert (flags.train, flags.validation) == ("train", "validation")
    assert flags.checkpoints == "runs/none/transfer"
    assert parse([*ARGUMENTS, "--frozen", "0", "5"]).frozen == [0, 5]


def test_voc_has_its_own_splits_and_numbers():
    flags = parse([*ARGUMENTS, "--protocol=voc", "--steps=8", "--trained", "fc8"])
    assert (flags.train, flags.validation) == ("train+validation", "test")
    assert (flags.steps, flags.batch_size, flags.learning_rate) == (8, 16, 0.001)
    assert flags.trained == ["fc8"] and flags.frozen is None
    assert parse([*ARGUMENTS, "--protocol=voc"]).trained == ["fc8", "fc6-8", "all"]
    assert parse(["--workdir=m.safetensors", "--data=voc/2007"]).checkpoints is None


@pytest.mark.parametrize("argument, message", [
    ("--frozen=6", "argument --frozen: invalid choice: 6"),
    ("--steps=0", "--steps=0: it must be positive"),
    ("--learning_rate=-1", "--learning_rate=-1.0: it must be positive"),
    ("--trained=fc8", "--trained is for --protocol=voc"),
    ("--protocol=voc --frozen=3", "--frozen is for --protocol=imagenet"),
    ("--workers=-1", "--workers=-1: it must not be negative"),
])  # fmt: skip
def test_mistakes_are_named_in_one_line(argument, message, capsys):
    with pytest.raises(SystemExit) as end:
        parse([*ARGUMENTS, *argument.split()])
    error = capsys.readouterr().err
    assert end.value.code == 2 and message in error and error.count("\n") == 1


def test_a_workdir_that_is_not_there(tmp_path, capsys):
    assert main([f"--workdir={tmp_path / 'none'}", "--data=digits"]) == 1
    assert capsys.readouterr().err.startswith("error: ")
