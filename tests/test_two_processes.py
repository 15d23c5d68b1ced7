"""Two processes of one device each train one model together, as the hosts of a pod do."""

import signal
import socket

import jax
import numpy as np
import pytest
from small_gan import get_config
from small_runs import (
    ROOT,
    SMALL_GAN,
    finish,
    logged,
    run_main,
    saved_steps,
    start_main,
    wait_until,
)

from bigbigan_jax.data import AUGMENTATIONS, training_batches
from bigbigan_jax.training.run import prepare_run


def start_pair(workdirs, *flags, config=SMALL_GAN):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    return [
        start_main(
            *(config, f"--workdir={workdir}", *flags),
            *("--distributed", f"--coordinator=localhost:{port}"),
            *("--processes=2", f"--process={process}"),
        )
        for process, workdir in enumerate(workdirs)
    ]


def test_both_stop_at_one_sigterm_and_one_process_goes_on(tmp_path):
    pair = start_pair([tmp_path, tmp_path], "--config.steps=1000000", "--config.log.every=5")
    try:
        wait_until(lambda: len(logged(tmp_path)) >= 2, pair[0])
        pair[1].send_signal(signal.SIGTERM)  # the one that writes nothing
        ends = [finish(process) for process in pair]
    finally:
        for process in pair:
            process.kill()
    step = saved_steps(tmp_path)[-1]
    for code, _, err in ends:
        assert code == 42, err
        assert f"preempted after step {step}; start again to go on" in err
    assert "images/s" in ends[0][1]
    assert "images/s" not in ends[1][1]
    _assert_metrics_are_those_of_one_process(tmp_path)

    last = step + 5 - step % 5
    code, _, err = run_main(SMALL_GAN, f"--workdir={tmp_path}", f"--config.steps={last}")
    assert code == 0, err
    assert saved_steps(tmp_path)[-1] == last


def _assert_metrics_are_those_of_one_process(workdir):
    """The rows that the processes read are, end to end, the batch that one process reads."""
    config = get_config()
    run = prepare_run(config, workdir)
    batches = training_batches(
        run.source,
        image_size=8,
        channels=1,
        augmentation=AUGMENTATIONS["none"],
        batch_size=config.batch_size,
        batches_per_step=1,
        seed=config.seed,
        start_step=0,
    )
    state, first = run.initial_state(), logged(workdir)[0]
    for _ in range(first["step"]):
        batch = {"image": next(batches)["image"]}
        state, metrics = run.programs.update(state, batch, run.key())
    batches.close()
    for name, value in jax.device_get(metrics).items():
        np.testing.assert_allclose(first[name], value, rtol=1e-2, atol=1e-3, err_msg=name)


def test_both_judge_together(tmp_path, inception_stem):
    small = {
        **{"steps": 1, "data.name": "digits", "data.eval_split": "", "data.workers": 0},
        **{"data.augmentation": "none", "probe.augmentation": "none"},
        **{"probe.every": 1, "probe.steps": 60, "probe.batch_size": 64},
        **{"fid.every": 1, "fid.width": 64, "fid.samples": 30, "fid.inception": inception_stem},
    }
    flags = [f"--config.{name}={value}" for name, value in small.items()]
    config = f"--config={ROOT / 'tests' / 'small_bigbigan.py'}"
    for code, _, err in map(finish, start_pair([tmp_path] * 2, *flags, config=config)):
        assert code == 0, err
    found = {name: value for line in logged(tmp_path) for name, value in line.items()}
    # Far from a tenth: the features of each process met the labels of their own images.
    assert found["probe/top-1"] > 0.3
    assert found["fid_64/quick"] > 0


def test_a_workdir_that_is_not_shared_is_refused(tmp_path):
    pair = start_pair([tmp_path / "a", tmp_path / "b"])
    for code, _, err in map(finish, pair):
        assert code == 1
        assert "is not shared: " in err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("process", [0, 1])
def test_one_that_waits_alone_says_so(tmp_path, process):
    code, _, err = run_main(
        *(SMALL_GAN, f"--workdir={tmp_path}", "--distributed", "--coordinator=localhost:6123"),
        *("--processes=2", f"--process={process}", "--start_timeout=2"),
    )
    assert code == 1
    assert err.splitlines()[-1] == (
        "error: the other processes were not there at localhost:6123 after 2 s; start the same "
        "command on every host within that time (--start_timeout), and on none alone"
    )
