"""Lines now and then, a bar or a line that changes on a terminal."""

import io
import time

import pytest

from bigbigan_jax.progress import reporting, ticking, tracked


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_items_are_counted_in_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    assert list(tracked("abc", 3, "packing", stream, every=0.0)) == list("abc")
    assert stream.getvalue().splitlines()[1] == "packing: 2 of 3, 0 s"
    stream = io.StringIO()
    list(tracked("abc", 3, "packing", stream))
    assert stream.getvalue() == ""


def test_items_move_a_bar_on_a_terminal():
    stream = Terminal()
    assert list(tracked("abc", 3, "packing", stream)) == list("abc")
    assert "packing:   0%" in stream.getvalue()


def test_reports_while_something_else_works():
    stream = io.StringIO()
    with reporting(lambda: "halfway", stream, every=0.01):
        time.sleep(0.1)
    lines = stream.getvalue().splitlines()
    assert lines and set(lines) == {"halfway, 0 s"}
    with reporting(lambda: "halfway", Terminal(), every=0.0):
        pass


def test_ticks_in_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    with ticking("v3:8x8: compiling", stream, every=0.01):
        time.sleep(0.1)
    assert stream.getvalue().startswith("v3:8x8: compiling: 0 s\n")
    assert "\r" not in stream.getvalue()


def test_ticks_in_one_line_on_a_terminal_wiped_at_the_end():
    stream = Terminal()
    with pytest.raises(KeyError), ticking("v3:8x8: compiling", stream, every=0.01):
        time.sleep(0.1)
        raise KeyError
    assert stream.getvalue().startswith("\rv3:8x8: compiling: 0 s")
    assert stream.getvalue().endswith("\r\x1b[K") and "\n" not in stream.getvalue()


def test_what_goes_wrong_inside_comes_out():
    stream = io.StringIO()
    with pytest.raises(KeyError), ticking("short", stream):
        raise KeyError
    assert stream.getvalue() == ""
