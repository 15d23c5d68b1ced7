"""main.py as a user starts it: exit codes, one-line errors, and going on after every kind of end.

These are real processes: what a kill leaves behind cannot be had in one.
"""

import os
import shutil
import signal

import pytest
from small_gan import get_config
from small_runs import (
    SMALL_GAN,
    assert_same_run,
    finish,
    logged,
    run_main,
    saved_steps,
    start_main,
    wait_until,
)

DIGITS = "--config=configs/digits.py"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The workdir of a run that nothing disturbed."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    code, out, err = run_main(SMALL_GAN, f"--workdir={workdir}")
    assert code == 0, err
    assert err == ""
    assert out.count("images/s") == 24
    assert f"{workdir}/checkpoints/24" in out
    assert f"{workdir}/sheets/samples_0000024.png" in out
    assert "reconstructions" not in out
    return workdir


def test_a_killed_run_goes_on_as_if_nothing_had_happened(whole, tmp_path):
    flags = (SMALL_GAN, f"--workdir={tmp_path}")
    assert run_main(*flags, "--config.steps=8")[0] == 0
    # Saving after every step, it is in the middle of a save nearly all of the time.
    process = start_main(*flags, "--config.checkpoint.every=1")
    wait_until(lambda: max(saved_steps(tmp_path)) >= 12, process)
    process.kill()
    finish(process)
    killed_at = logged(tmp_path)[-1]["step"]
    assert 12 <= killed_at < 24
    code, _, err = run_main(*flags)
    assert code == 0, err
    assert_same_run(tmp_path, whole, get_config(), 24)


def test_sigterm_saves_at_once_and_the_same_line_goes_on(whole, tmp_path):
    flags = (SMALL_GAN, f"--workdir={tmp_path}", "--config.data.workers=1")
    process = start_main(*flags, "--config.steps=1000000", "--config.checkpoint.every=500000")
    wait_until(lambda: len(logged(tmp_path)) >= 3, process)
    os.killpg(process.pid, signal.SIGTERM)  # as schedulers send it: the data process gets it too
    code, _, err = finish(process)
    (step,) = saved_steps(tmp_path)
    assert code == 42
    assert err == f"preempted after step {step}; start again to go on\n"
    assert logged(tmp_path)[-1]["step"] == step
    code, out, err = run_main(*flags, f"--config.steps={step + 2}")
    assert code == 0, err
    assert [line["step"] for line in logged(tmp_path)] == list(range(1, step + 3))
    assert logged(tmp_path)[:24] == logged(whole)[: step + 2]


def test_a_run_that_diverges_stops_and_leaves_its_checkpoints(whole, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    code, _, err = run_main(
        *(SMALL_GAN, f"--workdir={workdir}", "--config.steps=100", "--config.checkpoint.every=2"),
        # Rates like this make the weights too large to have a finite norm.
        "--config.training.learning_rate.discriminator=1e30",
        "--config.training.max_skipped_in_a_row=3",
    )
    assert code == 1
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("error: the last 3 steps up to 27 had losses")
    assert saved_steps(workdir) == [8, 16, 24]
    code, _, err = run_main(SMALL_GAN, f"--workdir={workdir}", "--config.steps=26")
    assert code == 0, err
    assert saved_steps(workdir) == [16, 24, 26]


USER_CONFIG = """
from bigbigan_jax.config import default_config

def get_config():
    config = default_config()
    {line}
    return config
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            (DIGITS, "--workdir=w", "--config.trainnig.d_steps=1"),
            "config.trainnig is not a field; did you mean training?",
        ),
        (
            (DIGITS, "--workdir=w", "--config.training.rate=1"),
            "config.training.rate is not a field; known are adam_b1, adam_b2, ",
        ),
        (
            (DIGITS, "--workdir=w", "--config.steps=abc"),
            "flag --config.steps=abc: invalid literal for int() with base 10: 'abc'; it must be of "
            "type int, such as 500000",
        ),
        ((DIGITS, "--workdir=w", "--wrokdir=w"), "Unknown command line flag 'wrokdir'. Did you me"),
        ((DIGITS, "--workdir=w", "again"), "unexpected argument 'again'; settings are --name=valu"),
        (("--config=nowhere.py", "--workdir=w"), "--config=nowhere.py: there is no such file"),
        ((DIGITS,), "--workdir is missing; such as --workdir="),
        (("--workdir=w",), "--config is missing; such as --config=configs/digits.py"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(arguments, said):
    code, out, err = run_main(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("config.model.genrator = 3", 'Key "genrator" does not exist. Did you mean "generator"'),
        ("config.steps = 'abc'", "TypeError: Could not override field 'steps'"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_wrong_config_file_is_named_with_the_line(tmp_path, line, said):
    path = tmp_path / "config.py"
    path.write_text(USER_CONFIG.format(line=line))
    code, out, err = run_main(f"--config={path}", "--workdir=w")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}, line 6, `{line}`: {said}")
    assert len(err.splitlines()) == 1


def test_a_data_set_that_is_not_there_is_one_clear_line_and_no_workdir(tmp_path):
    workdir, data_dir = tmp_path / "run", tmp_path / "data"
    code, out, err = run_main(
        "--config=configs/cifar10.py", f"--config.data.data_dir={data_dir}", f"--workdir={workdir}"
    )
    assert (code, out) == (1, "")
    assert err.startswith(f"error: cifar10 is not prepared in {data_dir}/cifar10/")
    assert len(err.splitlines()) == 1
    assert not workdir.exists()


def test_help_fits_on_a_page():
    _, out, _ = run_main("--help")
    assert "python main.py --config=configs/digits.py --workdir=DIR" in out
    assert "--workdir: Folder for checkpoints" in out
    assert len(out.splitlines()) < 40
