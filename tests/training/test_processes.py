"""What is said when the processes of a run cannot find together."""

import jax
import pytest

from bigbigan_jax.training.processes import ProcessesError, check_alone, join_processes


def test_one_of_several_that_was_started_as_the_only_one_is_told(monkeypatch):
    check_alone()
    monkeypatch.setattr(jax, "process_count", lambda: 4)
    with pytest.raises(ProcessesError, match="one of 4 processes; start each .* --distributed"):
        check_alone()


@pytest.mark.parametrize("where", [("localhost:6124", 2, 2), ("localhost:6124", 2, None)])
def test_an_argument_that_is_wrong_is_one_clear_line(where):
    with pytest.raises(ProcessesError, match="cannot join the other processes: .*--coordinator"):
        join_processes(*where, timeout=60)
