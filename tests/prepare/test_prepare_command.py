"""The command line, as a user meets it."""

import pytest
from image_trees import make_tree, prepare, without_tensorflow

from bigbigan_jax.data import open_source
from bigbigan_jax.prepare import command
from bigbigan_jax.prepare.mnist import NAMES


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["imagenet", "folder", "fashion_mnist", "preview", "Exit codes: 0 done"]),
        (["imagenet"], ["--tars", "--data_dir", "--partial", "--preview", "goes on after"]),
        (["folder"], ["split/class/...", "--layout", "--max_unreadable", "unreadable.txt"]),
        (["mnist"], ["--idx", "train-images-idx3-ubyte"]),
        (["preview"], ["--file", "--split", "--augmentation"]),
        (["cifar10"], ["NAME", "imagenet_resized/64x64"]),
    ],
)
def test_help_at_every_level(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        command.parse([*arguments, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert not [word for word in words if word not in text]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: COMMAND"),
        (["folder", "--images=x"], "required: --name"),
        (["folder", "--images=x", "--name=y", "--max_unreadable=2"], "a share is 0 to 1, not '2'"),
        (["folder", "--images=x", "--name=y", "--layout=deep"], "invalid choice: 'deep'"),
        (["mnist", "--size=tall"], "a side in pixels is 1 to 2048, not 'tall'"),
        (["mnist", "--part"], "unrecognized arguments: --part"),
    ],
)
def test_mistakes_in_the_command_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        command.parse(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert words in error and "--help" in error and len(error.splitlines()) == 1


def test_any_other_name_is_one_of_tensorflow_datasets():
    flags = command.parse(["imagenet_resized/64x64", "--data_dir=x"])
    assert (flags.command, flags.name, flags.data_dir) == ("tfds", "imagenet_resized/64x64", "x")
    assert command.MNIST == NAMES


def test_from_a_folder_to_a_preview(tmp_path):
    make_tree(tmp_path / "images", ["train/a/1.png", "train/b/2.png"])
    arguments = [f"--images={tmp_path / 'images'}", "--name=pets", f"--data_dir={tmp_path}"]
    done = prepare("folder", *arguments, f"--preview={tmp_path / 'p.png'}", "--size=16")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "p.png").exists() and "config.data.name=pets" in done.stdout
    assert len(open_source("pets", "train", str(tmp_path))) == 2
    done = prepare("preview", "--name=dogs", f"--file={tmp_path / 'q.png'}")
    assert done.returncode == 1 and done.stderr.startswith("error: no data set is called 'dogs'")
    assert len(done.stderr.splitlines()) == 1


@without_tensorflow
def test_tensorflow_is_missing(tmp_path):
    for arguments in (["imagenet", "--tars=."], ["mnist"], ["cifar10"]):
        done = prepare(*arguments, f"--data_dir={tmp_path}")
        assert (done.returncode, done.stdout) == (1, "")
        assert "pip install -e '.[prepare]'" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
