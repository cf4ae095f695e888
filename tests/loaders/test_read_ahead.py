"""Reading ahead: bounded, in order, and over when its consumer is."""

import gc
import os
import subprocess
import sys
import threading

import pytest

from openenv_tasksets.loaders.read_ahead import Batch, ReadAhead


def numbers(count, size_bytes=1):
    return (Batch([number], size_bytes) for number in range(count))


def drain(reader):
    found = []
    while (batch := reader.take()) is not None:
        found += batch.items
    return found


def test_batches_come_in_order_and_end(reading_threads):
    reader = ReadAhead(numbers(100), 10)
    assert drain(reader) == list(range(100))
    assert reader.take() is None
    reader.close()
    assert not reading_threads()


def test_the_thread_pauses_at_its_bound():
    """Two batches of 5 bytes fill 10; one is read for each that is given back, and not while it is in use."""
    made, third, fourth = [], threading.Event(), threading.Event()

    def batches():
        for number in range(10):
            made.append(number)
            {2: third, 3: fourth}.get(number, threading.Event()).set()
            yield Batch([number], 5)

    reader = ReadAhead(batches(), 10)
    reader.take()
    assert not third.wait(0.05)
    reader.take()
    assert third.wait(60)
    assert not fourth.wait(0.05)
    assert made == [0, 1, 2]
    reader.close()
    assert made == [0, 1, 2]


def test_a_batch_larger_than_the_bound_passes_alone():
    reader = ReadAhead(numbers(3, size_bytes=1000), 10)
    assert drain(reader) == [0, 1, 2]
    reader.close()


def test_an_error_comes_behind_what_was_read_before_it():
    def batches():
        yield Batch([1], 1)
        raise KeyError("gone")

    reader = ReadAhead(batches(), 10)
    assert reader.take() == Batch([1], 1)
    assert isinstance(reader.take().error, KeyError)
    assert reader.take() is None
    reader.close()


def test_closing_ends_a_thread_that_waits_for_room(reading_threads):
    reader = ReadAhead(numbers(100), 1)
    reader.take()
    reader.close()
    assert not reading_threads()
    assert reader.take() is None
    reader.close()


def test_a_reader_that_is_dropped_ends_its_thread(reading_threads):
    reader = ReadAhead(numbers(100), 1)
    reader.take()
    [thread] = reading_threads()
    del reader
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


def test_a_process_ends_with_a_reader_still_open():
    code = (
        "from openenv_tasksets.loaders.read_ahead import Batch, ReadAhead\n"
        "reader = ReadAhead(iter([Batch([n], 1) for n in range(100)]), 1)\n"
        "print(reader.take().items)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout, run.stderr) == ("[0]\n", "")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_waits_for_the_last_read_of_a_reader_that_was_dropped():
    # Else the interpreter is gone while the thread is inside of a library, which takes the process down.
    script = """
import time
from openenv_tasksets.loaders.read_ahead import Batch, ReadAhead

def batches():
    try:
        while True:
            yield Batch([1], 1)
    finally:
        time.sleep(0.5)
        print("done with reading")

reader = ReadAhead(batches(), 1)
reader.take()
del reader
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("done with reading\n", "")


def test_a_forked_process_knows_that_the_thread_is_not_its_own():
    reader = ReadAhead(numbers(100), 1)
    reader.take()
    child = os.fork()
    if not child:
        reader.close()
        os._exit(7 if not reader.is_ours else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert reader.is_ours
    reader.close()
