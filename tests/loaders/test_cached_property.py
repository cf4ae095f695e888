"""A property computed once, whose computing a fork may interrupt."""

import os
import signal
import threading

import pytest

from openenv_tasksets.loaders.cached_property import cached_property


class Slow:
    """Its value takes as long as it is not let go."""

    def __init__(self):
        self.began, self.let_go, self.count = threading.Event(), threading.Event(), 0

    @cached_property
    def value(self):
        """What it is."""
        self.count += 1
        self.began.set()
        assert self.let_go.wait(60)
        return self.count


def test_it_is_computed_once():
    slow = Slow()
    slow.let_go.set()

    assert (slow.value, slow.value, slow.count) == (1, 1, 1)
    assert Slow.value.__doc__ == "What it is."


def test_threads_that_meet_get_one_value():
    class Met:
        together = threading.Barrier(8)

        @cached_property
        def value(self):
            self.together.wait(60)
            return object()

    met, found = Met(), []
    threads = [threading.Thread(target=lambda: found.append(met.value)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each is met.value for each in found] == [True] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_forked_while_a_thread_computes_it_can_compute_it_too():
    slow, other = Slow(), Slow()
    other.let_go.set()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    assert slow.began.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(other.value)
    slow.let_go.set()
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
