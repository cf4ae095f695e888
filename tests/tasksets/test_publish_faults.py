"""Every request of a push fails in turn, and the pushing process is killed at each: all of it is there, or nothing."""

import json
import signal
import subprocess
import sys
import time

import pytest
from loopback_hub import LoopbackHub

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.errors import HubError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.publish import push
from openenv_tasksets.taskset import Taskset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REPO = "acme/sums"
DECLARATION = {
    "spec_version": "hf-rl-env-0.1",
    "environments": [
        {
            "id": "sums",
            "task": {"reset": {"prompt": "question", "answer": "answer"}, "visible": ["prompt"]},
            "frameworks": {"openenv": {"package": "openenv-tasksets", "environment": "answer"}},
        }
    ],
}
KINDS = ["429", "500", "reset", "cut", "lost-answer"]
CHILD = """
import json, sys
from openenv_tasksets.declaration import Declaration
from openenv_tasksets.publish import push
from openenv_tasksets.taskset import Taskset
declaration, rows = json.loads(sys.argv[1])
taskset = Taskset.from_rows(rows, Declaration.from_dict(declaration))
push(taskset.declaration, [taskset], sys.argv[2], tag="v2")
print("pushed")
"""


def rows(count):
    return {
        "train": [{"question": f"{n}?", "answer": n} for n in range(count)],
        "test": [{"question": "?", "answer": 1}],
    }


def do_push(server, count, **options):
    hub = Hub(server.endpoint, token=server.token, cache_dir=server.cache_dir, wait=lambda seconds: None)
    taskset = Taskset.from_rows(rows(count), Declaration.from_dict(DECLARATION))
    return push(taskset.declaration, [taskset], REPO, hub=hub, **options)


def begin(server, exists):
    """A repository with an older push and a stale file, or none at all."""
    if exists:
        do_push(server, 3)
        server.commit(REPO, {"data/train-00001-of-00002.parquet": b"stale", "theirs.txt": b"x"})
    server.reset_log()


def tree(server, revision="main"):
    try:
        return server.files(REPO, revision)
    except KeyError:
        return None


def clean_run(exists):
    """Number of requests, and the tree afterwards."""
    with LoopbackHub() as server:
        begin(server, exists)
        do_push(server, 5, tag="v2")
        return len(server.requests), tree(server)


@pytest.fixture(scope="module")
def clean():
    return {exists: clean_run(exists) for exists in (False, True)}


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_one_request_that_fails_is_survived_and_makes_no_second_commit(clean, kind, exists):
    count, after = clean[exists]
    assert count >= 10
    for nth in range(1, count + 1):
        with LoopbackHub() as server:
            begin(server, exists)
            server.fail(kind, nth=nth)
            result = do_push(server, 5, tag="v2")
            assert server.fired == 1, nth
            assert tree(server) == after, nth
            assert server.head(REPO, "v2") == server.head(REPO) == result.commit_hash, nth
            server.heal()
            assert not do_push(server, 5, tag="v2").changed, nth
            commits = server.snapshot()[f"datasets/{REPO}"]["commits"]
            assert len(commits) == (4 if exists else 2), nth


def test_a_hub_that_is_gone_from_some_request_on_leaves_all_or_nothing(clean):
    """Only where the Hub's library does not wait for minutes: before and after the uploads."""
    count, after = clean[True]
    for nth in [1, 2, 3, 4, count - 1, count]:
        with LoopbackHub() as server:
            begin(server, exists=True)
            before = tree(server)
            server.kill(nth=nth)
            with pytest.raises(HubError):
                do_push(server, 5, tag="v2")
            assert tree(server) == (after if nth == count else before), nth
            server.heal()
            do_push(server, 5, tag="v2")
            assert tree(server) == after


@pytest.mark.parametrize("exists", [True, False])
def test_a_process_that_is_killed_at_any_request_leaves_all_or_nothing(clean, exists):
    count, after = clean[exists]
    for nth in range(1, count + 1):
        with LoopbackHub() as server:
            begin(server, exists)
            before = tree(server)
            server.fail("stall", nth=nth)
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD, json.dumps([DECLARATION, rows(5)]), REPO],
                env=server.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            try:
                while not server.fired and child.poll() is None:
                    time.sleep(0.02)
            finally:
                child.send_signal(signal.SIGKILL)
                out, err = child.communicate()
            assert server.fired == 1, (nth, err.decode())
            assert out == b""
            empty = {".gitattributes": (tree(server) or {}).get(".gitattributes")}
            assert tree(server) in (before, after, *([] if exists else [empty])), nth
            server.heal()
            do_push(server, 5, tag="v2")
            assert tree(server) == after, nth
