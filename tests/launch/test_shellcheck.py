"""All scripts of launch/, as shellcheck sees them."""

import shutil
import subprocess
from pathlib import Path

import pytest


def test_shellcheck_has_nothing_to_say():
    if not (shellcheck := shutil.which("shellcheck")):
        pytest.skip("shellcheck is not installed")
    folder = Path(__file__).resolve().parents[2] / "launch"
    scripts = sorted(str(path) for path in folder.glob("*.sh"))
    result = subprocess.run([shellcheck, *scripts], capture_output=True, text=True, check=False)
    assert result.stdout == ""
    assert result.returncode == 0
