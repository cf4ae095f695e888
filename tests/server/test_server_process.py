"""One life of a package's own server: until it answers, and how it is told that it will not."""

import asyncio
import itertools
import os
import resource
import threading

import pytest
from child_package import SERVER, ask, await_end, lives, write_app

from openenv_tasksets.server.child_log import ChildLog
from openenv_tasksets.server.server_process import NotReady, ServerProcess


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    processes = []

    def started(code=SERVER):
        processes.append(ServerProcess(write_app(tmp_path, code), ChildLog("riddles"), 5))
        return processes[-1]

    yield started
    for process in processes:
        process.stop()
        process.wait()


def test_it_listens_once_it_is_ready_and_no_more_once_it_is_stopped(start):
    process = start()
    process.await_ready(60, threading.Event())
    assert asyncio.run(process.listens())
    server = ask(process.url, "/pid")
    process.stop()
    assert not asyncio.run(process.listens())
    assert not lives(process.pid)
    await_end(server)


def test_one_that_does_not_answer_in_time_is_told_with_what_it_last_said(start):
    with pytest.raises(NotReady, match=r"it was not ready within 0 s; /health: not listening"):
        start("import time\ntime.sleep(600)").await_ready(0, threading.Event())


def test_one_that_is_not_wanted_any_more_is_not_waited_for(start):
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(NotReady, match="it is not wanted any more"):
        start("import time\ntime.sleep(600)").await_ready(10_000, stopping)


def test_one_that_ends_before_it_answers_is_told_by_how_it_ended(start):
    with pytest.raises(NotReady, match="it ended with 7"):
        start("raise SystemExit(7)").await_ready(10_000, threading.Event())


@pytest.mark.parametrize("room", range(5))
def test_where_no_more_file_is_to_be_had_there_is_no_process_and_nothing_is_left(start, room):
    before = os.listdir("/proc/self/fd")
    free = (number for number in itertools.count() if str(number) not in before)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(itertools.islice(free, room, None)), hard))
    try:
        with pytest.raises(NotReady, match="it got no process: Too many open files"):
            start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert os.listdir("/proc/self/fd") == before
