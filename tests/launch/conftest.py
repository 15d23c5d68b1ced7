"""A checkout with launch/ and a main.py that plays training, and a cloud that is this machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_gcloud import Cloud

ROOT = Path(__file__).resolve().parents[2]

# Every round of main.py on a worker does what the next word in $FAKE_CLOUD/plan says.
MAIN = """
import os, signal, sys, time
from pathlib import Path

cloud, worker = Path(os.environ["FAKE_CLOUD"]), os.environ["FAKE_WORKER"]
rounds = cloud / f"rounds-{worker}"
done = int(rounds.read_text()) if rounds.exists() else 0
signal.signal(signal.SIGTERM, lambda *_: (print("saved", flush=True), os._exit(42)))
rounds.write_text(str(done + 1))
print(f"round {done} on worker {worker}:", *sys.argv[1:], flush=True)
print("oops", file=sys.stderr, flush=True)
while (word := (cloud / "plan").read_text().split()[done]) == "wait":
    time.sleep(0.01)
os._exit(int(word))
"""

UV = """#!/bin/bash
case $1 in
  venv)
    mkdir -p "${@: -1}/bin"
    printf '#!/bin/sh\\nexec "%s" -I -S "$@"\\n' "$FAKE_PYTHON" >"${@: -1}/bin/python"
    chmod +x "${@: -1}/bin/python" ;;
  pip)
    echo "$@" >>"$HOME/uv-calls"
    [[ ! -e $FAKE_CLOUD/failing/uv-$FAKE_WORKER ]] ;;
esac
"""

PIP = """#!/bin/bash
[[ $* == '-m pip install --quiet --user uv' ]] || exit 1
mkdir -p "$HOME/.local/bin"
cp "$FAKE_CLOUD/uv" "$HOME/.local/bin/uv"
"""


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _git(folder: Path, *arguments: str) -> str:
    person = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *person, *arguments]
    result = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return result.stdout.strip()


def _commit_all(folder: Path) -> None:
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message=all")


class Stage:
    """The fake cloud, and the checkout from which launch/tpu.sh uses it."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.folder = folder
        self.cloud = Cloud(folder / "cloud")
        self.outputs = 0
        self.cloud.folder.mkdir()
        self.cloud.write("plan", "0")
        self.checkout = shutil.copytree(checkout, folder / "checkout")
        self.commit = _git(self.checkout, "rev-parse", "HEAD")
        fake = Path(__file__).with_name("fake_gcloud.py")
        gcloud = f'#!/bin/sh\nexec "{sys.executable}" -I -S "{fake}" "$@"\n'
        _program(folder / "bin" / "gcloud", gcloud)
        _program(folder / "bin" / "python3", PIP)
        _program(self.cloud.folder / "uv", UV)

    def commit_all(self) -> None:
        _commit_all(self.checkout)
        self.commit = _git(self.checkout, "rev-parse", "HEAD")

    def start_tpu(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """Starts launch/tpu.sh, with nothing to wait for between two looks."""
        self.outputs += 1
        output = self.folder / f"stdout-{self.outputs}"
        with output.open("w") as stdout:
            process = self.popen(arguments, environment, stdout)
        process.output = output
        return process

    def popen(self, arguments, environment, stdout, stderr=subprocess.PIPE) -> subprocess.Popen:
        return subprocess.Popen(
            [str(self.checkout / "launch" / "tpu.sh"), *arguments],
            env={
                **os.environ,
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "FAKE_CLOUD": str(self.cloud.folder),
                "FAKE_PYTHON": sys.executable,
                "LAUNCH_POLL_SECONDS": "0.05",
                "LAUNCH_BACK_OFF_SECONDS": "0",
                "LAUNCH_ABORT_SECONDS": "5",
                **environment,
            },
            cwd=self.folder,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )

    def tpu(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Runs launch/tpu.sh to its end; returns exit code, stdout and stderr."""
        return self.finish(self.start_tpu(*arguments, **environment))

    @staticmethod
    def finish(process: subprocess.Popen) -> tuple[int, str, str]:
        try:
            _, err = process.communicate(timeout=300)
        finally:
            process.kill()
        return process.returncode, process.output.read_text(), err

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 240
        while not condition():
            assert time.monotonic() < end, self.cloud.calls()
            time.sleep(0.01)

    def wait_for_training(self, process: subprocess.Popen) -> None:
        """Waits until all workers train, and the log of worker 0 has been shown."""

        def all_train():
            logs = [home / "bigbigan_run" / "log" for home in self.cloud.homes()]
            return all(log.exists() and "oops" in log.read_text() for log in logs)

        self.wait_for(lambda: all_train() and "oops" in process.output.read_text())

    def break_log(self, **failures: int) -> None:
        """Breaks the connection that shows worker 0's log; then so many calls of a verb fail."""
        tails = ["pgrep", "-f", f"tail .*{self.cloud.homes()[0]}/bigbigan_run/log"]

        def found() -> list[str]:
            result = subprocess.run(tails, capture_output=True, text=True, check=False)
            return result.stdout.split()

        self.wait_for(found)
        for verb, number in failures.items():
            self.cloud.write(f"failures/{verb}", str(number))
        subprocess.run(["kill", found()[0]], check=True)

    def lose_workers(self, number: int = signal.SIGKILL, *, worker: int | str = "*") -> None:
        """Signals everything on the workers; as it is, like a loss of their power."""
        for name in ("keeper.pid", "main.pid"):
            for path in self.cloud.folder.glob(f"home-{worker}/bigbigan_run/{name}"):
                try:
                    os.kill(int(path.read_text()), number)
                except (ProcessLookupError, ValueError):
                    continue


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A commit of launch/, of the main.py above and of a configuration."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "launch", folder / "launch")
    (folder / "main.py").write_text(MAIN)
    (folder / "configs").mkdir()
    (folder / "configs" / "small.py").write_text("")
    _git(folder, "init", "--quiet")
    _commit_all(folder)
    return folder


@pytest.fixture
def stage(tmp_path, checkout):
    stage = Stage(tmp_path, checkout)
    yield stage
    stage.lose_workers()
