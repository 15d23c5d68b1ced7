"""Rates and the line that tells them."""

import pytest

from bigbigan_jax.training import progress
from bigbigan_jax.training.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(progress.time, "perf_counter", lambda: Clock.now)
    return Clock


def test_rates_since_the_last_call(clock):
    counted = Progress(start=10, steps=100, images_per_step=32, devices=4, shown=False)
    clock.now += 1
    with counted.waiting_for_data():
        clock.now += 1
    expected = {"images_per_second": 80, "images_per_second_per_device": 20}
    assert counted.rates(15) == {**expected, "waiting_for_data": 0.5}
    clock.now += 2
    expected = {"images_per_second": 16, "images_per_second_per_device": 4}
    assert counted.rates(16) == {**expected, "waiting_for_data": 0.0}


def test_a_line_where_there_is_no_terminal(clock, capsys):
    scalars = {
        "loss/D": 1.23456,
        "loss/EG": -0.5,
        "loss/D/x": 9.0,
        "images_per_second": 64.0,
        "images_per_second_per_device": 8.0,
        "waiting_for_data": 0.25,
    }
    with Progress(start=0, steps=1000, images_per_step=32, devices=8, shown=True) as shown:
        shown.steps_done()
        shown.show(100, scalars)
        shown.note("a note")
    assert capsys.readouterr().out == (
        "step 100/1000, loss/D 1.235, loss/EG -0.500, 64 images/s (8 a device), "
        "waiting for data 25.0%, ETA 0:07:30\na note\n"
    )


def test_a_bar_on_a_terminal(clock, capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True)
    with Progress(start=2, steps=10, images_per_step=1, devices=1, shown=True) as shown:
        shown.steps_done()
        shown.show(3, {"loss/D": 1.0, "waiting_for_data": 0.25})
        shown.note("a note")
    out = capsys.readouterr().out
    assert "3/10" in out and "a note" in out
    assert "loss/D=1.000" in out and "waiting for data=25.0%" in out


def test_other_processes_are_silent(clock, capsys):
    with Progress(start=0, steps=10, images_per_step=1, devices=1, shown=False) as hidden:
        hidden.steps_done()
        hidden.show(1, {})
        hidden.note("a note")
    assert capsys.readouterr() == ("", "")
