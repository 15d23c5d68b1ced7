"""Compiling, with the compiler left out."""

import importlib.util

import jax
import pytest

from bigbigan_jax.config import ConfigError
from bigbigan_jax.plan import compiling
from bigbigan_jax.plan.cache import Cache
from bigbigan_jax.plan.errors import PlanError
from bigbigan_jax.plan.planning import configure
from bigbigan_jax.plan.topologies import parse_slice

V5E = parse_slice("v5e:2x2")
TOO_LARGE = "RESOURCE_EXHAUSTED: the total (20.00G) exceeds available HBM (15.75G)."


class FailingStep:
    """Stands for a lowered step."""

    def __init__(self, message):
        self.message, self.compilations = message, 0

    def as_text(self):
        return "module"

    def compile(self):
        self.compilations += 1
        raise jax.errors.JaxRuntimeError(self.message)


@pytest.fixture
def version(monkeypatch):
    monkeypatch.setattr(compiling, "compiler_version", lambda: "1")


def test_without_libtpu(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PlanError, match=r"pip install -e '\.\[tpu\]'"):
        compiling.compiler_version()


def test_a_step_that_is_too_large_is_a_result_and_kept(version, tmp_path):
    step, cache = FailingStep(TOO_LARGE), Cache(tmp_path)
    first, second = (compiling.compile_step(step, V5E, cache) for _ in range(2))
    assert first["shortage"] == {
        "needed_bytes": 20 * 2**30,
        "available_bytes": round(15.75 * 2**30),
    }
    assert not first["fits"] and not first["cached"] and second["cached"]
    assert step.compilations == 1


def test_another_slice_is_another_result(version, tmp_path):
    step, cache = FailingStep(TOO_LARGE), Cache(tmp_path)
    for name in ("v5e:2x2", "v5e:2x4"):
        compiling.compile_step(step, parse_slice(name), cache)
    assert step.compilations == 2


def test_another_failure_is_an_error_and_not_kept(version, tmp_path):
    step, cache = FailingStep("INTERNAL: a bug\nmore of it"), Cache(tmp_path)
    with pytest.raises(PlanError, match="^v5e:2x2: the TPU compiler fails: INTERNAL: a bug$"):
        compiling.compile_step(step, V5E, cache)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_no_loss(version, tmp_path):
    (tmp_path / "file").touch()
    found = compiling.compile_step(FailingStep(TOO_LARGE), V5E, Cache(tmp_path / "file"))
    assert not found["fits"]


def test_the_batch_of_a_slice(tiny_config):
    assert configure(tiny_config, V5E, None).batch_size == 16
    assert configure(tiny_config, parse_slice("v3:2x2"), 3).batch_size == 24
    assert tiny_config.batch_size == 16


def test_a_batch_that_does_not_divide(tiny_config):
    tiny_config.batch_size = 18
    with pytest.raises(ConfigError, match="devices, 4, such as 16 or 20"):
        configure(tiny_config, V5E, None)
    tiny_config.batch_size = 3
    with pytest.raises(ConfigError, match=r"devices, 4, such as 4 \("):
        configure(tiny_config, V5E, None)
