"""All that is done with the Hub, with each of its requests failing in turn: the same result, or a true error and the
old state, and a second try that works."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub
from sample_taskset import ENVIRONMENT, row, shards, write_files
from whole_cache import assert_cache_is_whole

from openenv_tasksets.cli.init import draft_file, hub_dataset
from openenv_tasksets.diff import diff, open_source
from openenv_tasksets.hidden_repo import verify
from openenv_tasksets.loaders.errors import HubUnavailable
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.lock import make_lock, write_lock
from openenv_tasksets.lock_check import refuse_drift
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.taskset import Taskset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KINDS = ["429", "500", "reset", "cut", "lost-answer"]
WORDS, BOUND, PUBLIC, PRIVATE = "acme/words", "acme/bound", "acme/shown", "acme/answers"
SPLITS = {"train": [[row("a1"), row("a2")], [row("b1")]], "test": [[row("t1")]]}


@dataclass(frozen=True, slots=True)
class Place:
    """What a flow works with.

    Attributes:
        hub: A Hub that never waits, with a cache of its own.
        first: A commit before the last one.
        folder: For what it writes.
    """

    hub: Hub
    first: str
    folder: Path


def revealed(tasks):
    return [(task.id, task.visible, task.public, task.hidden.reveal()) for task in tasks]


def first_task(place):
    return revealed([Taskset.from_hub(WORDS, hub=place.hub).task("train", 0)])


def rows_elsewhere(place):
    return revealed(Taskset.from_hub(BOUND, hub=place.hub)["train"])


def own_folder(place):
    folder = write_files(place.folder / "own", {"environment.yaml": bound().encode()})
    return revealed(Taskset.from_path(folder, hub=place.hub)["test"])


def with_answers(place):
    return revealed(Taskset.from_hub(PUBLIC, hub=place.hub)["train"])


def init(place):
    return draft_file(hub_dataset(WORDS, None, place.hub), "answer", None, None)


def lock(place):
    write_lock(place.folder / "x.lock", *make_lock(open_inventory(WORDS, hub=place.hub)))
    return {path.name: path.read_bytes() for path in place.folder.glob("*.lock*")}


def check(place):
    write_lock(place.folder / "x.lock", *make_lock(open_inventory(f"{WORDS}@{place.first}", hub=place.hub)))
    refuse_drift(open_inventory(f"{WORDS}@{place.first}", hub=place.hub), place.folder / "x.lock", deep=True)


def differences(place):
    found = diff(*(open_source(f"{WORDS}@{revision}", hub=place.hub) for revision in (place.first, "main")))
    assert not found.is_empty
    return found


def verified(place):
    return verify(PUBLIC, hub=place.hub)


def plan(place):
    return local(place.folder).push_to_hub(WORDS, hub=place.hub, dry_run=True)


READING = [first_task, rows_elsewhere, own_folder, with_answers, init, lock, check, differences, verified, plan]


def bound():
    return ENVIRONMENT.replace("    task:", f"    dataset: {{repo_id: {WORDS}}}\n    task:")


def local(folder):
    files = {f"{split}.jsonl": "".join(json.dumps(each) + "\n" for each in SPLITS[split][0]) for split in SPLITS}
    files["environment.yaml"] = ENVIRONMENT
    return Taskset.from_path(
        write_files(folder / "local", {name: text.encode() for name, text in files.items()}), environment="spelling"
    )


def open_hub(server, cache_dir):
    return Hub(server.endpoint, token=server.token, cache_dir=cache_dir, wait=lambda seconds: None)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A Hub with one of each, and a commit of it before the last."""
    with LoopbackHub() as server:
        server.create_repo(WORDS)
        files = {path: content for split, each in SPLITS.items() for path, content in shards(split, each).items()}
        first = server.commit(WORDS, {"environment.yaml": ENVIRONMENT.encode(), "README.md": b"# Words\n", **files})
        server.commit(WORDS, shards("test", [[row("t1", "edited")]]))
        server.create_repo(BOUND)
        server.commit(BOUND, {"environment.yaml": bound().encode()})
        root = tmp_path_factory.mktemp("filled")
        local(root).push_to_hub(PUBLIC, hidden_repo=PRIVATE, hub=open_hub(server, root / "cache"))
        yield server, first


@pytest.fixture
def place(filled, tmp_path):
    """``place(n)``: as on a new machine."""
    server, first = filled
    server.heal()

    def make(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        return Place(open_hub(server, folder / "cache"), first, folder)

    yield make
    server.heal()


def clean_run(server, flow, place):
    server.reset_log()
    expected = flow(place)
    count = len(server.requests)
    assert count >= 3
    return expected, count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flow", READING)
def test_one_request_that_fails_changes_nothing(filled, place, flow, kind):
    server, _ = filled
    expected, count = clean_run(server, flow, place(0))
    before = server.snapshot()
    for nth in range(1, count + 1):
        server.heal()
        server.fail(kind, nth=nth)
        where = place(nth)
        assert flow(where) == expected, nth
        assert server.fired == 1, nth
        assert_cache_is_whole(server, where.hub.cache_dir)
        assert server.snapshot() == before


@pytest.mark.parametrize("flow", READING)
def test_a_hub_that_is_gone_is_a_true_error_and_a_second_try_works(filled, place, flow):
    server, _ = filled
    expected, count = clean_run(server, flow, place(0))
    before = server.snapshot()
    for nth in range(1, count + 1):
        server.heal()
        server.kill(nth=nth)
        where = place(nth)
        with pytest.raises(HubUnavailable, match="acme/.* gives no usable answer: .*; try again later"):
            flow(where)
        assert server.fired, nth
        assert server.snapshot() == before
        assert_cache_is_whole(server, where.hub.cache_dir)
        assert flow is check or not list(where.folder.glob("*.lock*")), nth
        assert not list(where.folder.glob(".*")), nth
        server.heal()
        assert flow(where) == expected, nth


def push_halves(server, folder, answer):
    """A push of two halves, in which one answer is as given; what anyone can see of the result."""
    rows = [row("k1"), row("k2", answer)]
    files = {"environment.yaml": ENVIRONMENT.encode(), **shards("train", [rows])}
    taskset = Taskset.from_path(write_files(folder / "local", files))
    return taskset.push_to_hub(PUBLIC, hidden_repo=PRIVATE, tag=f"tag-{answer}", hub=open_hub(server, folder / "hub"))


def halves(server, folder):
    """Paths and commits of both repositories, and the tasks that they make together."""
    state = server.snapshot()
    hub = open_hub(server, folder / "reading")
    tasks = revealed(Taskset.from_hub(PUBLIC, hub=hub)["train"])
    assert verify(PUBLIC, hub=hub).holds
    return tasks, {name: (len(each["commits"]), sorted(server.files(name[9:]))) for name, each in state.items()}


@pytest.fixture(scope="module")
def clean_halves(tmp_path_factory):
    """The number of requests of a second push, and both states."""
    root = tmp_path_factory.mktemp("clean")
    with LoopbackHub() as server:
        push_halves(server, root, "old")
        before = halves(server, root)
        server.reset_log()
        push_halves(server, root, "new")
        return len(server.requests), before, halves(server, root)


@pytest.mark.parametrize("kind", KINDS)
def test_one_request_that_fails_does_not_part_the_halves(clean_halves, tmp_path, kind):
    count, _, after = clean_halves
    for nth in range(1, count + 2):
        with LoopbackHub() as server:
            folder = tmp_path / str(nth)
            push_halves(server, folder, "old")
            server.fail(kind, nth=nth)
            result = push_halves(server, folder, "new")
            # Nonces are random, and so are a few bytes of a file's size: where they differ, the card is checked too.
            assert server.fired == 1 or nth >= count, nth
            server.heal()
            assert halves(server, folder) == after, nth
            assert server.head(PUBLIC, "tag-new") == server.head(PUBLIC) == result.commit_hash
            assert not push_halves(server, folder, "new").changed
            assert halves(server, folder) == after, nth


CHILD = """
import sys
from openenv_tasksets import Taskset
Taskset.from_path(sys.argv[1]).push_to_hub(sys.argv[2], hidden_repo=sys.argv[3], tag="tag-new")
"""


@pytest.mark.parametrize("nth", [1, 2], ids=["private", "public"])
@pytest.mark.parametrize("what", ["/_lfs/upload", "/commit/"])
def test_a_process_killed_between_the_halves_leaves_those_of_before(clean_halves, tmp_path, nth, what):
    _, before, after = clean_halves
    with LoopbackHub() as server:
        push_halves(server, tmp_path, "old")
        write_files(tmp_path / "local", shards("train", [[row("k1"), row("k2", "new")]]))
        server.fail("stall", nth=nth, matching=lambda request: what in request.path)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "local"), PUBLIC, PRIVATE], env=server.environment()
        )
        try:
            while not server.fired and child.poll() is None:
                time.sleep(0.02)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert server.fired == 1
        server.heal()
        tasks, _ = halves(server, tmp_path)
        assert tasks == before[0]
        push_halves(server, tmp_path, "new")
        assert halves(server, tmp_path) == after
