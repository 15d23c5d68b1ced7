"""Plans in processes of their own."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest

from bigbigan_jax.plan import apart
from bigbigan_jax.plan.apart import in_a_process, plan_apart
from bigbigan_jax.plan.cache import Cache
from bigbigan_jax.plan.errors import PlanError
from bigbigan_jax.plan.topologies import parse_slice


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def test_results_and_errors_come_through():
    assert in_a_process(divmod, 7, 3) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        in_a_process(divmod, 7, 0)


def test_a_crash_is_an_error_of_one_line(tiny_config, tmp_path, monkeypatch):
    with pytest.raises(BrokenProcessPool) as broken:
        in_a_process(crash)

    def crashed(*_):
        raise broken.value

    monkeypatch.setattr(apart, "in_a_process", crashed)
    monkeypatch.setattr(apart, "compiler_version", lambda: "0.0.1")
    message = r"^v6e:2x2: the TPU compiler crashed.* than 0\.0\.1 may do better$"
    with pytest.raises(PlanError, match=message):
        plan_apart(tiny_config, parse_slice("v6e:2x2"), Cache(tmp_path))
