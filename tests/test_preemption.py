"""SIGTERM inside and outside of the context."""

import os
import signal
import threading

from bigbigan_jax.preemption import Preemption


def test_sigterm_is_noted_and_afterwards_means_what_it_did():
    before = signal.getsignal(signal.SIGTERM)
    with Preemption() as preemption:
        assert not preemption.reached()
        os.kill(os.getpid(), signal.SIGTERM)
        assert preemption.reached()
        assert preemption.reached()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_thread_may_train_too():
    reached = []

    def train():
        with Preemption() as preemption:
            reached.append(preemption.reached())

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert reached == [False]
