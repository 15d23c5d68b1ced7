"""The sign of life while a compilation takes its minutes."""

import io
import time

import pytest

from bigbigan_jax.plan.progress import ticking


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    with ticking("v3:8x8: compiling", stream, every=0.01):
        time.sleep(0.1)
    assert stream.getvalue().startswith("v3:8x8: compiling: 0 s\n")
    assert "\r" not in stream.getvalue()


def test_one_line_on_a_terminal_wiped_at_the_end():
    stream = Terminal()
    with ticking("v3:8x8: compiling", stream, every=0.01):
        time.sleep(0.1)
    assert stream.getvalue().startswith("\rv3:8x8: compiling: 0 s")
    assert stream.getvalue().endswith("\r\x1b[K") and "\n" not in stream.getvalue()


def test_what_goes_wrong_inside_comes_out():
    stream = io.StringIO()
    with pytest.raises(KeyError), ticking("short", stream):
        raise KeyError
    assert stream.getvalue() == ""
