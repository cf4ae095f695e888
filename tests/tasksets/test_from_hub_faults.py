"""A taskset is opened while the Hub fails or the process is killed: whole, or the true error and a cache that works."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from whole_cache import assert_cache_is_whole
from words_repository import REPO, open_hub, words_hub
from words_taskset import FILES, TRAIN_IDS, ids

from openenv_tasksets.loaders.errors import HubUnavailable
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def server():
    with words_hub(FILES) as running:
        yield running


@pytest.fixture
def hub(server):
    return open_hub(server)


def flow(server):
    """Everything from a branch's name to the tasks of a split."""
    return ids(Taskset.from_hub(REPO, hub=open_hub(server)))


def forget(server):
    """An empty cache, as on another machine."""
    for path in sorted(server.cache_dir.glob("**/*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    server.heal()
    server.reset_log()


def count_requests(server):
    flow(server)
    count = len(server.requests)
    forget(server)
    return count


def test_a_hub_that_dies_at_any_request_is_told_of_and_a_second_try_works(server):
    for nth in range(1, count_requests(server) + 1):
        server.kill(nth=nth)
        with pytest.raises(HubUnavailable, match="^acme/words@|^the files of acme/words@") as caught:
            flow(server)
        assert server.fired
        assert re.search("gives no usable answer: (ReadError|RemoteProtocolError|ConnectError)", str(caught.value))
        assert_cache_is_whole(server, server.cache_dir)
        server.heal()
        assert flow(server) == TRAIN_IDS
        forget(server)


SLOW = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "how", ["500", "reset", "lost-answer", pytest.param("429", marks=SLOW), pytest.param("cut", marks=SLOW)]
)
def test_one_fault_at_any_request_changes_nothing(server, how):
    for nth in range(1, count_requests(server) + 1):
        server.fail(how, nth=nth)
        assert flow(server) == TRAIN_IDS
        assert server.fired == 1
        assert_cache_is_whole(server, server.cache_dir)
        server.reset_log()
        pin = f"{REPO}@{server.head(REPO)}"
        assert ids(Taskset.from_hub(pin, hub=open_hub(server))) == TRAIN_IDS
        assert server.requests == []
        forget(server)


SCRIPT = """
from openenv_tasksets import Taskset
print(*(task.id for task in Taskset.from_hub("acme/words")["train"]))
"""


def start(server):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=server.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_at(server, nth, matching=lambda request: True):
    """A process that is killed while it waits for the answer to its ``nth`` request."""
    server.fail("stall", nth=nth, every=True, matching=matching)
    with start(server) as process:
        try:
            while not server.fired and process.poll() is None:
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
    assert server.fired
    server.heal()


def assert_second_try_works(server):
    assert_cache_is_whole(server, server.cache_dir, was_killed=True)
    with start(server) as process:
        out, err = process.communicate(timeout=60)
    assert out.split() == TRAIN_IDS, err
    assert "acme/words@main is" in err
    assert "pin it: hf://datasets/acme/words/spelling@" in err


def test_a_process_killed_in_mid_download_leaves_a_cache_that_works(server):
    killed_at(server, 1, lambda request: request.origin == "cdn")
    assert_second_try_works(server)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_process_killed_at_any_request_leaves_a_cache_that_works(server):
    for nth in range(1, count_requests(server) + 1):
        killed_at(server, nth)
        assert_second_try_works(server)
        forget(server)
