"""Lines now and then, and a bar on a terminal."""

import io
import time

from bigbigan_jax.prepare.progress import reporting, tracked


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    assert list(tracked("abc", 3, "packing", stream, every=0.0)) == list("abc")
    assert stream.getvalue().splitlines()[1] == "packing: 2 of 3, 0 s"
    stream = io.StringIO()
    list(tracked("abc", 3, "packing", stream))
    assert stream.getvalue() == ""


def test_a_bar_on_a_terminal():
    stream = _Terminal()
    assert list(tracked("abc", 3, "packing", stream)) == list("abc")
    assert "packing:   0%" in stream.getvalue()


def test_reports_while_something_else_works():
    stream = io.StringIO()
    with reporting(lambda: "halfway", stream, every=0.01):
        time.sleep(0.1)
    lines = stream.getvalue().splitlines()
    assert lines and set(lines) == {"halfway, 0 s"}
    with reporting(lambda: "halfway", _Terminal(), every=0.0):
        pass
