"""launch/tpu.sh from creating a slice to the end of the run, on a cloud that is this machine."""

import fcntl
import shutil
import signal
import subprocess
import time

import pytest
from tpu_lines import INSTALL_AND_START, MAIN_FLAGS, RUN, SLICE, START, created


def test_start_creates_installs_runs_and_follows(stage):
    stage.cloud.write("workers", "4")
    stage.cloud.write("created_node", "CREATING\nCREATING\nREADY")
    flags = ("--config.data.data_dir=gs://bucket/with space", "--config.model.terms=('x',)")
    code, out, err = stage.tpu(*START, "--", *flags)
    assert code == 0, err
    assert out == f"round 0 on worker 0: {MAIN_FLAGS} {' '.join(flags)}\noops\n"
    assert created(stage) == [["--version=tpu-ubuntu2204-base", "--accelerator-type=v3-32"]]
    assert stage.cloud.verbs() == ["create", *INSTALL_AND_START]
    assert err.count("big is CREATING") == 1
    for home in stage.cloud.homes():
        assert (home / f"bigbigan_jax-{stage.commit}" / ".installed").exists()
        assert (home / "bigbigan_run" / "exit").read_text() == "0\n"

    stage.cloud.write("plan", "0 0")
    code, out, err = stage.tpu(*START)
    assert (code, out) == (0, f"round 1 on worker 0: {MAIN_FLAGS}\noops\n"), err
    assert stage.cloud.verbs()[5:] == ["ssh start", "ssh follow"]  # all else is there


@pytest.mark.parametrize(
    ("type_", "runtime"),
    [
        ("v2-8", "tpu-ubuntu2204-base"),
        ("v4-128", "tpu-ubuntu2204-base"),
        ("v5litepod-16", "v2-alpha-tpuv5-lite"),
        ("v5p-64", "v2-alpha-tpuv5"),
        ("v6e-64", "v2-alpha-tpuv6e"),
    ],
)
def test_the_image_follows_from_the_type(stage, type_, runtime):
    for flag, expected in ((), runtime), (("--version=mine",), "mine"):
        code, out, err = stage.tpu("start", *RUN, f"--type={type_}", "--dry-run", *flag)
        assert code == 0, err
        assert f"tpu-vm create big --version={expected} --accelerator-type={type_} " in out


def test_spot_and_networks_are_passed_on(stage):
    networks = ["--network=n", "--subnetwork=s"]
    code, _, err = stage.tpu(*START, "--spot", *networks)
    assert code == 0, err
    assert created(stage)[0][2:] == ["--spot", *networks]


@pytest.mark.parametrize("spot", [[], ["--spot"]])
def test_a_queued_slice_is_waited_for(stage, spot):
    stage.cloud.write("created_request", "WAITING_FOR_RESOURCES\nPROVISIONING\nACTIVE")
    code, _, err = stage.tpu(*START, "--queued", *spot)
    assert code == 0, err
    flags = ["--node-id=big", "--runtime-version=tpu-ubuntu2204-base", "--accelerator-type=v3-32"]
    assert created(stage) == [[*flags, *spot]]
    assert stage.cloud.verbs() == ["queued create", *INSTALL_AND_START]
    for state in ("WAITING_FOR_RESOURCES", "PROVISIONING", "READY"):
        assert f"big is {state}\n" in err


def test_a_queued_request_that_fails(stage):
    stage.cloud.write("created_request", "WAITING_FOR_RESOURCES\nFAILED")
    code, _, err = stage.tpu(*START, "--queued")
    assert code == 1
    assert "the queued request big FAILED: no capacity; launch/tpu.sh delete removes it" in err

    stage.cloud.write("created_request", "ACTIVE")
    code, _, err = stage.tpu(*START, "--queued")  # a new request takes its place
    assert code == 0, err
    assert stage.cloud.verbs()[:3] == ["queued create", "queued delete", "queued create"]


def test_waiting_has_an_end(stage):
    stage.cloud.write("created_request", "WAITING_FOR_RESOURCES")
    code, _, err = stage.tpu(*START, "--queued", "--wait=0")
    assert code == 1
    assert "still WAITING_FOR_RESOURCES after 0 minutes (--wait)" in err
    assert stage.cloud.verbs() == ["queued create"]


def test_what_gcloud_complains_of_is_shown(stage):
    stage.cloud.write("failing/create", "RESOURCE_EXHAUSTED: no more capacity in the zone")
    code, out, err = stage.tpu(*START, "--supervise")
    assert (code, out) == (1, "")
    assert "no more capacity in the zone" in err
    assert "error: cannot create big" in err
    stage.cloud.write("failing/describe", "PERMISSION_DENIED")
    code, _, err = stage.tpu(*START)
    assert (code, stage.cloud.verbs()) == (1, ["create"])
    assert "PERMISSION_DENIED" in err


@pytest.mark.parametrize("state", ["PREEMPTED", "TERMINATED"])
def test_a_slice_that_was_taken_away_is_replaced(stage, state):
    stage.cloud.write("node", state)
    code, _, err = stage.tpu(*START)
    assert code == 0, err
    assert stage.cloud.verbs()[:2] == ["delete", "create"]


def test_a_slice_of_another_type_is_not_taken(stage):
    stage.cloud.write("node", "READY")
    stage.cloud.write("type", "v3-8")
    code, _, err = stage.tpu(*START)
    assert (code, stage.cloud.verbs()) == (1, [])
    assert "big is there already and is a v3-8, not a v3-32" in err


@pytest.mark.parametrize("code", [1, 2, 42])
def test_the_exit_code_is_that_of_main(stage, code):
    stage.cloud.write("plan", str(code))
    assert stage.tpu(*START)[0] == code
    assert stage.cloud.verbs().count("ssh start") == 1


def test_a_run_that_is_going_is_followed_not_started_again(stage):
    stage.cloud.write("plan", "wait")
    first = stage.start_tpu(*START)
    stage.wait_for_training(first)
    first.send_signal(signal.SIGKILL)
    second = stage.start_tpu(*START)
    stage.wait_for(lambda: stage.cloud.verbs().count("ssh follow") == 2)
    code, _, err = stage.tpu(*START, "--", "--config.steps=7")
    assert code == 1
    assert "another run is going on big; end it with launch/tpu.sh stop" in err
    assert "--workdir=gs://bucket/run" in err
    assert stage.tpu("stop", *SLICE)[0] == 0
    code, out, _ = stage.finish(second)
    assert (code, out) == (42, f"round 0 on worker 0: {MAIN_FLAGS}\noops\nsaved\n")
    assert stage.cloud.verbs().count("ssh start") == 1
    stage.finish(first)


def test_a_worker_that_cannot_start_is_named_and_the_others_end(stage):
    stage.cloud.write("workers", "3")
    assert stage.tpu(*START)[0] == 0
    stage.cloud.write("plan", "0 wait")
    shutil.rmtree(stage.cloud.homes()[1] / f"bigbigan_jax-{stage.commit}" / ".venv")
    code, out, err = stage.tpu(*START)
    assert (code, out) == (1, "")
    assert "main.py could not be started on worker 1, and was ended on the others" in err
    assert "is not installed" in err
    assert "running" not in stage.tpu("status", *SLICE)[1]


def test_a_worker_that_cannot_be_installed_is_named(stage):
    stage.cloud.write("workers", "3")
    stage.cloud.write("failing/uv-2", "")
    code, _, err = stage.tpu(*START)
    assert code == 1
    assert "cannot install the checkout on worker 2" in err
    stage.cloud.remove("failing/uv-2")
    assert stage.tpu(*START)[0] == 0


def test_packages_are_those_of_the_commits_date(stage):
    assert stage.tpu(*START)[0] == 0
    show = ["git", "show", "--no-patch", "--format=%cI", stage.commit]
    date = subprocess.run(show, cwd=stage.checkout, capture_output=True, text=True, check=True)
    calls = (stage.cloud.homes()[0] / "uv-calls").read_text()
    assert f"--exclude-newer {date.stdout.strip()} -e .[tpu]" in calls


def test_a_worker_without_pip_says_so(stage):
    (stage.folder / "bin" / "python3").write_text("#!/bin/sh\nexit 1\n")
    code, _, err = stage.tpu(*START)
    assert code == 1
    assert "cannot install uv with pip (is python3-pip there, and the internet?)" in err


def test_stop_ends_every_worker_and_a_supervising_start(stage):
    stage.cloud.write("workers", "2")
    stage.cloud.write("plan", "wait wait")
    process = stage.start_tpu(*START, "--supervise")
    stage.wait_for_training(process)
    _, out, _ = stage.tpu("status", *SLICE)
    assert out.startswith("big: READY\n")
    assert out.count(": running\n") == 2
    code, _, err = stage.tpu("stop", *SLICE)
    assert (code, err.count(": stopped 42\n")) == (0, 2)
    code, out, err = stage.finish(process)
    assert code == 42
    assert out.endswith("saved\n")
    assert "the run was stopped by launch/tpu.sh stop" in err
    assert stage.cloud.read("node") == "READY"


def test_stop_between_two_rounds_ends_a_supervising_start(stage):
    stage.cloud.write("workers", "2")
    stage.cloud.write("plan", "42 0")
    process = stage.start_tpu(*START, "--supervise", LAUNCH_BACK_OFF_SECONDS="2")
    stage.wait_for(lambda: sum("outcome" in str(call) for call in stage.cloud.calls()) == 2)
    process.send_signal(signal.SIGSTOP)  # while it sleeps
    code, _, err = stage.tpu("stop", *SLICE)
    assert (code, err.count(": ended 42\n")) == (0, 2)
    process.send_signal(signal.SIGCONT)
    code, _, err = stage.finish(process)
    assert code == 42
    assert "the run was stopped by launch/tpu.sh stop" in err
    assert stage.cloud.verbs().count("ssh start") == 1
    assert stage.tpu(*START)[0] == 0  # asked for again


def test_stop_before_a_new_slice_has_the_run(stage):
    stage.cloud.write("plan", "wait 0")
    process = stage.start_tpu(*START, "--supervise")
    stage.wait_for_training(process)
    stage.cloud.write("created_node", "CREATING")
    stage.cloud.write("node", "PREEMPTED")
    stage.lose_workers()
    stage.wait_for(lambda: stage.cloud.verbs().count("create") == 2)
    stage.wait_for(lambda: stage.cloud.read("node") == "CREATING")
    process.send_signal(signal.SIGSTOP)
    stage.cloud.write("node", "READY")
    code, _, err = stage.tpu("stop", *SLICE)
    assert (code, err.count(": none\n")) == (0, 1)
    process.send_signal(signal.SIGCONT)
    code, _, err = stage.finish(process)
    assert code == 42
    assert "the run was stopped by launch/tpu.sh stop" in err
    assert stage.cloud.verbs().count("ssh start") == 1


def test_a_look_at_a_run_hinders_nothing(stage):
    stage.tpu(*START)
    stage.cloud.write("plan", "0 0")
    with (stage.cloud.homes()[0] / "bigbigan_run" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # as is_running of worker.sh does
        assert stage.tpu("status", *SLICE)[1].endswith(": ended 0\n")
        process = stage.start_tpu(*START)
        stage.wait_for(lambda: stage.cloud.verbs().count("ssh start") == 2)
        time.sleep(0.5)  # start waits for this one to be over
    code, _, err = stage.finish(process)
    assert code == 0, err


def test_stop_does_not_kill_a_run_that_is_still_saving(stage):
    main = stage.checkout / "main.py"
    main.write_text(main.read_text().replace("os._exit(42)", "None"))
    stage.commit_all()
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START)
    stage.wait_for_training(process)
    code, _, err = stage.tpu("stop", *SLICE, LAUNCH_STOP_SECONDS="0")
    assert code == 1
    assert "the run has not ended 0 s after SIGTERM" in err
    assert stage.tpu("status", *SLICE)[1].endswith(": running\n")
    stage.lose_workers()
    stage.cloud.remove("node")
    stage.finish(process)


def test_a_shutdown_that_signals_everything_is_noted_as_42(stage):
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START)
    stage.wait_for_training(process)
    stage.lose_workers(signal.SIGTERM)
    code, _, err = stage.finish(process)
    assert code == 42, err


def test_logs_prints_the_whole_log_and_passes_the_code_on(stage):
    stage.cloud.write("plan", "3")
    stage.tpu(*START)
    assert stage.tpu("logs", *SLICE)[:2] == (3, f"round 0 on worker 0: {MAIN_FLAGS}\noops\n")


def test_delete_saves_first(stage):
    stage.cloud.write("plan", "wait")
    process = stage.start_tpu(*START, "--queued")
    stage.wait_for_training(process)
    code, _, err = stage.tpu("delete", *SLICE)
    assert code == 0, err
    assert stage.cloud.verbs()[-2:] == ["ssh stop", "queued delete"]
    assert stage.finish(process)[1].endswith("saved\n")
    assert stage.tpu("delete", *SLICE)[0] == 0  # nothing to do
    code, out, _ = stage.tpu("status", *SLICE)
    assert (code, out) == (0, "big: ABSENT\n")
    for command in "logs", "stop":
        code, _, err = stage.tpu(command, *SLICE)
        assert (code, err) == (1, "error: big is ABSENT; there is no run to reach\n")


def test_a_slice_without_a_run(stage):
    (stage.cloud.folder / "home-0").mkdir()
    stage.cloud.write("node", "READY")
    assert stage.tpu("status", *SLICE)[1].endswith(": none\n")
    code, _, err = stage.tpu("logs", *SLICE)
    assert (code, err) == (1, "error: no run was started on big\n")


@pytest.mark.parametrize("queued", [[], ["--queued"]])
def test_a_dry_run_prints_what_it_would_do_and_calls_nothing(stage, queued):
    code, out, err = stage.tpu(*START, "--dry-run", *queued, "--", "--config.model.terms=('x',)")
    assert code == 0, err
    assert stage.cloud.calls() == []
    lines = out.splitlines()
    assert all(line.startswith(("gcloud compute tpus ", "git archive ")) for line in lines)
    script = "gcloud() { printf '%s\\n' \"$@\"; }; git() { :; }\n" + out
    words = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert words.stderr == ""
    expected = ["create", "scp", "worker.sh install", "worker.sh start", "worker.sh follow"]
    places = [words.stdout.find(word) for word in expected]
    assert places == sorted(places)
    assert places[0] >= 0
    for command in "status", "logs", "stop", "delete":
        code, out, _ = stage.tpu(command, *SLICE, "--dry-run")
        assert code == 0
        assert all(line.startswith("gcloud compute tpus ") for line in out.splitlines())
    assert stage.cloud.calls() == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "what to do? start, status, logs, stop or delete"),
        (("begin",), "unknown command begin; there are start, status"),
        (("start", *SLICE), "--type is missing"),
        (("stop", "--name=big", "--zone=z"), "--project is missing"),
        ((*START, "--name=Big"), "--name=Big: lower-case letters"),
        ((*START, "--sopt"), "unknown flag --sopt; launch/tpu.sh start has: --name= "),
        ((*START, "--spot=yes"), "--spot takes no value"),
        ((*START, "--zone"), "--zone wants a value, as in --zone=VALUE"),
        ((*START, "--zone="), "--zone= has no value"),
        ((*START, "--config.steps=3"), "is a flag of main.py; write it after --"),
        (("stop", *SLICE, "--type=v3-8"), "unknown flag --type=v3-8; launch/tpu.sh stop has:"),
        (("stop", *SLICE, "--", "--x"), "only start takes flags after --"),
        ((*START, "--type=v7-8"), "--type=v7-8: not a type of Cloud TPU VM; there are v2-N, v3-N"),
        ((*START, "--type=v3-pod"), "--type=v3-pod: N is a number"),
        ((*START, "--type=v5e-16"), "v5e is called v5litepod-16"),
        ((*START, "--wait=soon"), "--wait=soon: minutes, as a whole number"),
        ((*START, "--workdir=runs/one"), "--workdir=runs/one: the workers do not share this"),
        ((*START, "--workdir=/gcs/one"), "add --shared-workdir if it is a mount"),
        ((*START, "--workdir=gs://bucket"), "--workdir=gs://bucket: names no folder"),
        ((*START, "--workdir=nfs", "--shared-workdir"), "a path from / on"),
        ((*START, "--", "--workdir=gs://b/c"), "--workdir=gs://b/c belongs before --"),
        ((*START, "--", "--processes=2"), "tells the workers how to find each other"),
        ((*START, "--", "steps=2"), "steps=2: after -- come flags of main.py, as --name=value"),
        ((*START, "--config=configs/other.py"), "has no file configs/other.py"),
        ((*START, "--commit=nowhere"), "--commit=nowhere: there is no such commit here"),
    ],
)
def test_mistakes_are_told_before_gcloud_is_called(stage, arguments, complaint):
    code, out, err = stage.tpu(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert complaint in err
    assert stage.cloud.calls() == []


def test_a_shared_mount_may_be_the_workdir(stage):
    code, out, err = stage.tpu(*START, "--workdir=/mnt/filestore/run", "--shared-workdir")
    assert code == 0, err
    assert "--workdir=/mnt/filestore/run" in out


def test_a_row_of_a_config_file_may_be_named(stage):
    code, out, err = stage.tpu(*START, "--config=configs/small.py:row")
    assert code == 0, err
    assert "--config=configs/small.py:row" in out


def test_a_modified_checkout_is_refused_unless_a_commit_is_named(stage):
    (stage.checkout / "configs" / "small.py").write_text("# changed\n")
    code, _, err = stage.tpu(*START)
    assert (code, stage.cloud.calls()) == (1, [])
    assert "commit them first, or name a commit with --commit=COMMIT" in err
    assert "configs/small.py" in err
    assert stage.tpu(*START, f"--commit={stage.commit[:10]}")[0] == 0
    installed = stage.cloud.homes()[0] / f"bigbigan_jax-{stage.commit}" / "configs" / "small.py"
    assert installed.read_text() == ""


def test_gcloud_must_be_installed(stage):
    (stage.folder / "bin" / "gcloud").unlink()
    for tool in "bash", "cat", "dirname", "git":
        (stage.folder / "bin" / tool).symlink_to(shutil.which(tool))
    code, _, err = stage.tpu(*START, PATH=str(stage.folder / "bin"))
    assert code == 1
    assert "gcloud is not installed" in err


def test_help_needs_nothing_else(stage):
    for arguments in ("--help",), ("start", "--help"):
        code, out, err = stage.tpu(*arguments)
        assert (code, err) == (0, "")
        assert "launch/tpu.sh start --name=NAME" in out
