"""launch/tpu.sh when slices, workers and connections are lost; --supervise."""

import fcntl
import os
import signal
import subprocess
import time

import pytest
from tpu_lines import INSTALL_AND_START, MAIN_FLAGS, SLICE, START


def test_supervise_goes_on_after_42_and_stops_at_another_code(stage):
    stage.cloud.write("plan", "42 42 1 0")
    code, out, err = stage.tpu(*START, "--supervise")
    assert code == 1, err
    assert [line for line in out.splitlines() if line.startswith("round")] == [
        f"round {n} on worker 0: {MAIN_FLAGS}" for n in range(3)
    ]
    assert stage.cloud.verbs().count("create") == 1  # the slice is still there


@pytest.mark.parametrize("state", ["PREEMPTED", "vanished"])
@pytest.mark.parametrize("queued", [[], ["--queued", "--spot"]])
def test_supervise_creates_again_what_was_taken_away(stage, state, queued):
    stage.cloud.write("workers", "2")
    stage.cloud.write("plan", "wait 0")
    process = stage.start_tpu(*START, "--supervise", *queued)
    stage.wait_for_training(process)
    if state == "vanished":
        stage.cloud.remove("node")
        stage.cloud.remove("request")
    else:
        stage.cloud.write("node", state)
        if queued:
            stage.cloud.write("request", "SUSPENDED")
    stage.lose_workers()
    code, out, err = stage.finish(process)
    assert code == 0, err
    rounds = [line.partition(":")[0] for line in out.splitlines() if line.startswith("round")]
    assert rounds == ["round 0 on worker 0", "round 1 on worker 0"]
    prefix = "queued " if queued else ""
    anew = [f"{prefix}create", *INSTALL_AND_START]
    deletion = [] if state == "vanished" else [f"{prefix}delete"]
    assert stage.cloud.verbs() == [*anew, *deletion, *anew]


def test_without_supervise_a_loss_ends_with_an_error(stage):
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START)
    stage.wait_for_training(process)
    stage.cloud.write("node", "PREEMPTED")
    stage.lose_workers()
    code, _, err = stage.finish(process)
    assert code == 1
    assert "error: big is PREEMPTED; the same line creates it again and goes on" in err


@pytest.mark.parametrize("supervise", [[], ["--supervise"]])
def test_a_worker_that_is_restarted_loses_the_run_but_not_the_slice(stage, supervise):
    stage.cloud.write("plan", "wait 0")
    process = stage.start_tpu(*START, *supervise)
    stage.wait_for_training(process)
    stage.lose_workers()
    code, _, err = stage.finish(process)
    assert stage.cloud.verbs().count("create") == 1
    if supervise:
        assert code == 0, err
    else:
        assert code == 1
        assert "error: a worker was restarted in the middle of the run" in err


def test_the_restart_of_another_worker_is_not_taken_for_a_failure(stage):
    stage.cloud.write("workers", "2")
    stage.cloud.write("plan", "wait 0")
    process = stage.start_tpu(*START, "--supervise")
    stage.wait_for_training(process)
    stage.lose_workers(worker=1)
    stage.cloud.write("plan", "1 0")  # worker 0 misses the other
    code, _, err = stage.finish(process)
    assert code == 0, err
    assert stage.cloud.verbs().count("create") == 1


@pytest.mark.parametrize("code", [1, 134])
def test_a_death_by_preemption_is_not_taken_for_a_failure(stage, code):
    stage.cloud.write("plan", f"{code} 0")  # what is left of a job may fail before the cloud tells
    process = stage.start_tpu(*START, "--supervise", LAUNCH_POLL_SECONDS="1")
    stage.wait_for(lambda: sum("outcome" in str(call) for call in stage.cloud.calls()) == 2)
    stage.cloud.write("node", "PREEMPTED")
    code, _, err = stage.finish(process)
    assert code == 0, err
    assert stage.cloud.verbs().count("create") == 2


def test_a_preemption_may_be_told_late(stage):
    stage.cloud.write("created_node", "READY\nREADY\nREADY\nPREEMPTED")
    stage.cloud.write("plan", "134 0")
    code, _, err = stage.tpu(*START, "--supervise")
    assert code == 0, err
    assert stage.cloud.verbs().count("create") == 2


def test_a_worker_that_is_out_of_reach_is_lost(stage):
    stage.cloud.write("workers", "2")
    stage.cloud.write("plan", "wait 0")
    process = stage.start_tpu(*START, "--supervise")
    stage.wait_for_training(process)
    stage.cloud.write("unreachable", "1")
    stage.cloud.write("plan", "134 0")
    stage.wait_for(lambda: stage.cloud.verbs().count("scp") == 2 or process.poll() is not None)
    stage.cloud.remove("unreachable")
    code, _, err = stage.finish(process)
    assert code == 0, err
    assert "round over (lost)" in err


def test_a_shortage_of_slices_is_no_failure_of_the_run(stage):
    stage.cloud.write("plan", "wait 0")
    process = stage.start_tpu(*START, "--supervise", LAUNCH_SHORT_ROUNDS="1")
    stage.wait_for_training(process)
    stage.cloud.write("failures/create", "5")
    stage.cloud.write("node", "PREEMPTED")
    stage.lose_workers()
    code, _, err = stage.finish(process)
    assert code == 0, err
    assert stage.cloud.verbs().count("create") == 7


def test_rounds_that_fail_at_once_have_an_end(stage):
    stage.cloud.write("plan", "42 " * 20)
    code, _, err = stage.tpu(*START, "--supervise", LAUNCH_SHORT_ROUNDS="2")
    assert code == 1
    assert "gave up: 2 rounds in a row ended within 600 s" in err
    assert stage.cloud.verbs().count("ssh start") == 3


def test_ctrl_c_does_not_end_the_run(stage):
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START)
    stage.wait_for_training(process)
    os.killpg(process.pid, signal.SIGINT)  # the terminal's way
    code, _, err = stage.finish(process)
    assert code == 130
    assert "a run on big goes on (logs, stop, delete)" in err
    assert stage.tpu("status", *SLICE)[1].endswith(": running\n")


def test_a_broken_connection_does_not_end_the_run(stage):
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START)
    stage.wait_for_training(process)
    stage.cloud.write("breaking", "outcome")
    stage.break_log()
    stage.wait_for(lambda: stage.cloud.verbs().count("ssh follow") == 2)
    assert stage.tpu("stop", *SLICE)[0] == 0
    code, out, err = stage.finish(process)
    assert code == 42, err
    assert out == f"round 0 on worker 0: {MAIN_FLAGS}\noops\nsaved\n"  # each line once


@pytest.mark.parametrize("command", ["install", "start"])
def test_a_command_that_gcloud_repeats_works_once(stage, command):
    stage.cloud.write("workers", "2")
    stage.cloud.write("breaking", command)
    code, out, err = stage.tpu(*START)
    assert code == 0, err
    assert out == f"round 0 on worker 0: {MAIN_FLAGS}\noops\n"
    assert stage.cloud.verbs() == ["create", *INSTALL_AND_START]
    for home in stage.cloud.homes():
        assert len((home / "uv-calls").read_text().splitlines()) == 1
        assert not list(home.glob("*.tar"))


@pytest.mark.parametrize("supervise", [[], ["--supervise"]])
@pytest.mark.parametrize("failing", ["ssh", "describe"])
def test_supervise_outlasts_an_outage_of_the_network(stage, failing, supervise):
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START, *supervise)
    stage.wait_for_training(process)
    stage.break_log(**{"ssh": 24, failing: 24})  # 12 times outcome and log
    if supervise:
        stage.wait_for(lambda: stage.cloud.read("failures/ssh") == "0")
        assert stage.tpu("stop", *SLICE)[0] == 0
    code, out, err = stage.finish(process)
    if supervise:
        assert (code, out) == (42, f"round 0 on worker 0: {MAIN_FLAGS}\noops\nsaved\n"), err
    else:
        assert code == 1
        assert "; the run may be going on" in err


def test_the_log_of_a_run_that_ended_in_a_long_outage_is_shown_whole(stage):
    stage.cloud.write("plan", "wait 0")
    process = stage.start_tpu(*START, "--supervise")
    stage.wait_for_training(process)
    stage.break_log(ssh=24)  # the last to fail is the log; the outcome is told
    stage.lose_workers(signal.SIGTERM)
    code, out, err = stage.finish(process)
    assert code == 0, err
    assert out == "".join(
        f"round {n} on worker 0: {MAIN_FLAGS}\noops\n{end}" for n, end in enumerate(["saved\n", ""])
    )


def test_outages_that_ended_do_not_add_up(stage):
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START)
    stage.wait_for_training(process)
    for _ in range(2):
        stage.break_log(ssh=12)
        stage.wait_for(lambda: stage.cloud.read("failures/ssh") == "0")
    stage.tpu("stop", *SLICE)
    code, _, err = stage.finish(process)
    assert code == 42, err


def test_the_log_is_out_before_its_end_is_told(stage):
    text = f"--config.text={'x' * 40_000}"
    arguments = (*START, "--supervise", "--", text)
    stage.cloud.write("plan", "42 0")
    process = stage.popen(arguments, {}, subprocess.PIPE, subprocess.STDOUT)
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    stage.wait_for((stage.cloud.homes()[0] / "bigbigan_run" / "exit").exists)
    time.sleep(2)  # the log waits for its reader, and all else has to wait for the log
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert f"{text}\noops\nlaunch/tpu.sh: round over (ended 42)" in out
