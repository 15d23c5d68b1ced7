"""Plays gcloud for the tests of launch/tpu.sh, with all its state in the folder $FAKE_CLOUD.

`Cloud` is the tests' side: it sets the scene and looks at what was done. Run as a program, this
file answers as `gcloud compute tpus ...` does. What is to run on a worker really runs, in a folder
that is the worker's home.

In the folder: `calls` (a line a call), `node` and `request` (states; absent: there is none),
`created_node` and `created_request` (those that follow each creation, a line each),
`failing/VERB` (what to complain of instead), `failures/VERB` (how many calls are to fail),
`breaking` (as "start": at its end that command loses its connection, once), `unreachable` (a
worker), `workers` (how many) and `home-N`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class Cloud:
    """The state of the fake cloud in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str, default: str = "") -> str:
        path = self.folder / name
        return path.read_text().strip() if path.exists() else default

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f"{path.name}.part{os.getpid()}")
        part.write_text(f"{text}\n")
        part.replace(path)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def next_state(self, name: str) -> str:
        """The state of the node or request; each look moves on to the next one that is planned."""
        state = self.read(name)
        planned = self.read(f"next_{name}").split()
        if planned:
            self.write(name, planned[0])
            self.write(f"next_{name}", "\n".join(planned[1:]))
        return state

    def homes(self) -> list[Path]:
        return [self.folder / f"home-{n}" for n in range(int(self.read("workers", "1")))]

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.read("calls").splitlines()]

    def verbs(self) -> list[str]:
        """The calls without those that only look, as "create" or "ssh start"."""
        verbs = [_verb(call) for call in self.calls()]
        looks = ("describe", "ssh outcome", "ssh command", "ssh test")
        return [verb for verb in verbs if not verb.endswith(looks)]


def _verb(call: list[str]) -> str:
    group, verb = call[2:4]
    if verb == "ssh":
        program = re.search(r"worker\.sh (\w+)", _flag(call, "command"))
        return f"ssh {program[1] if program else 'test'}"
    return f"queued {verb}" if group == "queued-resources" else verb


def _flag(call: list[str], name: str, default: str = "") -> str:
    prefix = f"--{name}="
    return next((a.removeprefix(prefix) for a in call if a.startswith(prefix)), default)


def _fail(text: str, code: int = 1) -> None:
    print(f"ERROR: (gcloud.compute.tpus) {text}", file=sys.stderr)
    sys.exit(code)


def _describe(cloud: Cloud, group: str, field: str) -> None:
    kind = "request" if group == "queued-resources" else "node"
    if "acceleratorType" in field:
        print(cloud.read("type"))
    elif "failedData" in field:
        print("no capacity")
    elif state := cloud.next_state(kind):
        print(state)
    else:
        _fail(f"NOT_FOUND: Resource '{kind}' was not found")


def _create(cloud: Cloud, group: str, call: list[str]) -> None:
    kind = "request" if group == "queued-resources" else "node"
    if cloud.read(kind):
        _fail(f"ALREADY_EXISTS: {kind}")
    for home in cloud.homes():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
    cloud.write("type", _flag(call, "accelerator-type"))
    states = cloud.read(f"created_{kind}", "ACTIVE" if kind == "request" else "READY").split()
    cloud.write(kind, states[0])
    cloud.write(f"next_{kind}", "\n".join(states[1:]))
    if kind == "request":
        cloud.write("node", "READY")


def _delete(cloud: Cloud, group: str) -> None:
    if group == "queued-resources":
        cloud.remove("request")
    elif not cloud.read("node"):
        _fail("NOT_FOUND: the node was not found")
    cloud.remove("node")


def _workers(cloud: Cloud, call: list[str]) -> list[Path]:
    if cloud.read("node") != "READY":
        _fail(f'This TPU has terminal state "{cloud.read("node")}"')
    wanted = _flag(call, "worker", "0")
    return cloud.homes() if wanted == "all" else [cloud.homes()[int(wanted)]]


def _ssh(cloud: Cloud, call: list[str]) -> None:
    homes = _workers(cloud, call)
    command = ["bash", "-c", _flag(call, "command")]
    breaking = f"ssh {cloud.read('breaking')}" == _verb(call)
    if breaking:
        cloud.remove("breaking")

    def run(home: Path) -> int:
        environment = {**os.environ, "HOME": str(home), "FAKE_WORKER": home.name[5:]}
        if cloud.read("unreachable") == home.name[5:]:
            return 255
        for attempt in range(10):  # gcloud repeats a command whose connection broke
            code = subprocess.run(command, cwd=home, env=environment, check=False).returncode
            if code != 128 + signal.SIGTERM and not (breaking and attempt == 0):
                return code
            print("Retrying: SSH command error", file=sys.stderr)
            time.sleep(0.1)
        return 255

    print("SSH: Attempting to connect to worker 0...", file=sys.stderr)
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(run, homes))
    for home, code in zip(homes, codes, strict=True):
        if code and len(homes) > 1:
            text = f"##### Command execution on worker {home.name[5:]} failed with exit status"
            print(f"{text} {code}. Continuing.", file=sys.stderr)
    sys.exit(next((code for code in codes if code), 0))


def _scp(cloud: Cloud, call: list[str]) -> None:
    source, target = call[4:6]
    for home in _workers(cloud, call):
        shutil.copy(source, home / target.partition(":")[2])


def main(call: list[str]) -> None:
    cloud = Cloud(Path(os.environ["FAKE_CLOUD"]))
    with open(cloud.folder / "calls", "a") as calls:
        calls.write(json.dumps(call) + "\n")
    assert call[:2] == ["compute", "tpus"], call
    assert {"--project=p", "--zone=z", "--quiet"} <= set(call), call
    group, verb = call[2:4]
    if complaint := cloud.read(f"failing/{verb}"):
        _fail(complaint)
    if failures := int(cloud.read(f"failures/{verb}", "0")):
        cloud.write(f"failures/{verb}", str(failures - 1))
        _fail("UNAVAILABLE")
    actions = {
        "describe": lambda: _describe(cloud, group, _flag(call, "format")),
        "create": lambda: _create(cloud, group, call),
        "delete": lambda: _delete(cloud, group),
        "ssh": lambda: _ssh(cloud, call),
        "scp": lambda: _scp(cloud, call),
    }
    actions[verb]()


if __name__ == "__main__":
    main(sys.argv[1:])
