"""The command line of the transfer protocol."""

import pytest

from bigbigan_jax.transfer.__main__ import main, parse

ARGUMENTS = ["--workdir=runs/none", "--data=digits"]


def test_by_default_all_layers_one_after_the_other():
    flags = parse(ARGUMENTS)
    assert flags.frozen is None and flags.steps == 450_000
    assert (flags.train, flags.validation) == ("train", "validation")
    assert flags.checkpoints == "runs/none/transfer"
    assert parse([*ARGUMENTS, "--frozen", "0", "5"]).frozen == [0, 5]


def test_voc_has_its_own_splits_and_numbers():
    flags = parse([*ARGUMENTS, "--protocol=voc", "--steps=8", "--trained", "fc8"])
    assert (flags.train, flags.validation) == ("train+validation", "test")
    assert (flags.steps, flags.batch_size, flags.learning_rate) == (8, 16, 0.001)
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
