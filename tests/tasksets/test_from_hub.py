"""Tasksets on the Hub, over HTTP and with its real client: pinned once, whole or not at all."""

import io
import logging
import os
import re
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub
from whole_cache import assert_cache_is_whole

from openenv_tasksets.loaders.errors import (
    DeclarationError,
    HubUnavailable,
    ReferenceInvalid,
    RepositoryNotFound,
    RevisionNotFound,
    SelectionError,
    SourceError,
)
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.taskset import Taskset

REPO = "acme/words"
ENVIRONMENT = """\
  - id: {id}
    task: {{id: key, reset: {{prompt: question, answer: answer}}, visible: [prompt]}}
    frameworks: {{openenv: {{min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}}}}
"""
YAML = "spec_version: hf-rl-env-0.1\nenvironments:\n" + ENVIRONMENT.format(id="spelling")


def parquet(name, count):
    sink = io.BytesIO()
    rows = [{"key": f"{name}-{i}", "question": f"{i}?", "answer": str(i), "other": "x" * 50} for i in range(count)]
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


FILES = {
    "environment.yaml": YAML.encode(),
    "README.md": b"# Words\n",
    "data/train-00000-of-00002.parquet": parquet("a", 3),
    "data/train-00001-of-00002.parquet": parquet("b", 2),
    "data/test-00000-of-00001.parquet": parquet("t", 1),
}
TRAIN_IDS = ["a-0", "a-1", "a-2", "b-0", "b-1"]


@pytest.fixture
def server():
    with LoopbackHub() as running:
        running.create_repo(REPO)
        running.commit(REPO, FILES)
        yield running


def open_hub(server, **options):
    return Hub(
        server.endpoint,
        **{"token": server.token, "cache_dir": server.cache_dir, "wait": lambda seconds: None, **options},
    )


@pytest.fixture
def hub(server):
    return open_hub(server)


def ids(taskset, split="train"):
    return [task.id for task in taskset[split]]


class TestPin:
    def test_a_branch_is_resolved_once_and_the_pin_is_said_in_one_line(self, server, hub, caplog):
        commit = server.head(REPO)
        taskset = Taskset.from_hub(REPO, hub=hub)
        pin = f"hf://datasets/acme/words/spelling@{commit}"
        assert caplog.record_tuples == [
            ("openenv_tasksets.from_hub", logging.WARNING, f"acme/words@main is {commit}; pin it: {pin}")
        ]
        assert str(taskset.reference) == pin
        assert ids(taskset) == TRAIN_IDS
        assert ids(taskset, "test") == ["t-0"]
        resolved = [request for request in server.requests if "/revision/" in request.path]
        assert len(resolved) == 1

    def test_what_is_opened_later_is_of_the_same_commit(self, server, hub):
        taskset = Taskset.from_hub(REPO, hub=hub)
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9), "README.md": None})
        assert ids(taskset) == TRAIN_IDS
        assert ids(Taskset.from_hub(REPO, hub=hub))[0] == "new-0"

    def test_a_pinned_reference_makes_no_request_the_second_time_and_is_not_warned_of(self, server, hub, caplog):
        commit = server.head(REPO)
        for first in (True, False):
            taskset = Taskset.from_hub(REPO, revision=commit, hub=open_hub(server))
            assert (ids(taskset), ids(taskset, "test")) == (TRAIN_IDS, ["t-0"])
            assert bool(server.requests) is first
            server.reset_log()
        assert caplog.record_tuples == []

    def test_tags_pull_requests_branches_and_short_hashes_are_revisions(self, server, hub):
        head = server.head(REPO)
        api = server.api()
        api.create_tag(REPO, tag="v1", repo_type="dataset")
        api.create_branch(REPO, branch="feature/x", repo_type="dataset")
        server.commit(REPO, {"data/test-00000-of-00001.parquet": None})
        api.upload_file(
            repo_id=REPO, repo_type="dataset", path_or_fileobj=b"new", path_in_repo="notes.txt", create_pr=True
        )
        for reference in (f"{REPO}@v1", f"{REPO}/spelling@feature/x", f"{REPO}@feature%2Fx", f"{REPO}@{head[:7]}"):
            taskset = Taskset.from_hub(reference, hub=hub)
            assert (taskset.reference.commit_hash, list(taskset)) == (head, ["train", "test"])
        proposed = Taskset.from_hub(f"hf://datasets/{REPO}@refs/pr/1/spelling", hub=hub)
        assert list(proposed) == ["train"]

    def test_a_view_keeps_the_reference(self, hub):
        taskset = Taskset.from_hub(REPO, hub=hub)
        assert taskset.with_view(taskset["train"].take(2)).reference == taskset.reference

    def test_rows_in_memory_have_no_reference(self, make_taskset):
        assert make_taskset([{"question": "?"}], {"reset": {"prompt": "question"}}).reference is None


class TestChoice:
    def test_several_environments_are_listed_where_none_is_named(self, server, hub):
        server.commit(REPO, {"environment.yaml": (YAML + ENVIRONMENT.format(id="rhymes")).encode()})
        with pytest.raises(SelectionError, match="several environments; name one. There are: 'spelling', 'rhymes'"):
            Taskset.from_hub(REPO, hub=hub)
        for taskset in (
            Taskset.from_hub(f"{REPO}/rhymes", hub=hub),
            Taskset.from_hub(REPO, environment="rhymes", hub=hub),
        ):
            assert taskset.environment.id == taskset.reference.environment == "rhymes"
        with pytest.raises(SelectionError, match="no environment 'ryhmes'; did you mean 'rhymes'"):
            Taskset.from_hub(f"{REPO}/ryhmes", hub=hub)

    def test_a_reference_may_be_given_in_parts(self, server, hub):
        whole = DatasetReference(REPO, "spelling", "main")
        assert (
            Taskset.from_hub(whole, hub=hub).reference
            == Taskset.from_hub(REPO, environment="spelling", revision="main", hub=hub).reference
        )
        assert (
            Taskset.from_hub(whole, environment="spelling", revision="main", split="test", hub=hub).default_split
            == "test"
        )

    @pytest.mark.parametrize(
        ("beside", "message"),
        [
            ({"environment": "rhymes"}, "the environment is given twice: 'spelling' in .*, and environment='rhymes'"),
            ({"revision": "v2"}, "the revision is given twice: 'v1' in .*, and revision='v2'; leave one out"),
        ],
    )
    def test_what_is_given_twice_must_agree(self, server, hub, beside, message):
        with pytest.raises(ReferenceInvalid, match=message):
            Taskset.from_hub(f"{REPO}/spelling@v1", **beside, hub=hub)
        assert server.requests == []

    def test_token_cache_and_offline_are_taken_where_no_hub_is_given(self, server, tmp_path):
        with pytest.raises(HubUnavailable, match="acme/words@main: offline"):
            Taskset.from_hub(REPO, token=False, cache_dir=tmp_path, offline=True)

    def test_an_unknown_split_is_refused(self, hub):
        with pytest.raises(SelectionError, match="no split 'tets'; did you mean 'test'"):
            Taskset.from_hub(REPO, split="tets", hub=hub)


class TestRowsElsewhere:
    @pytest.fixture
    def elsewhere(self, server):
        """A repository that holds only a declaration; its function names the dataset."""
        server.create_repo("bob/bound")

        def declare(dataset):
            text = YAML.replace("- id: spelling", f"- id: spelling\n    dataset: {dataset}")
            return server.commit("bob/bound", {"environment.yaml": text.encode()})

        return declare

    def test_they_have_a_revision_of_their_own(self, server, hub, elsewhere, caplog):
        commit = server.head(REPO)
        own = elsewhere(f"{{repo_id: acme/words, revision: {commit}}}")
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9)})
        taskset = Taskset.from_hub(f"bob/bound@{own}", hub=hub)
        assert ids(taskset) == TRAIN_IDS
        assert taskset.reference.commit_hash == own
        assert caplog.record_tuples == []

    def test_a_moving_one_is_resolved_once_and_said(self, server, hub, elsewhere, caplog):
        own = elsewhere("{repo_id: acme/words}")
        taskset = Taskset.from_hub(f"bob/bound@{own}", hub=hub)
        commit = server.head(REPO)
        assert [record.getMessage() for record in caplog.records] == [
            f"acme/words@main is {commit}; pin it: dataset.revision: {commit}"
        ]
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9)})
        assert ids(taskset) == TRAIN_IDS

    def test_a_declaration_that_names_its_own_repository_means_its_own_commit(self, server, hub, caplog):
        text = YAML.replace("- id: spelling", "- id: spelling\n    dataset: {repo_id: acme/words}")
        commit = server.commit(REPO, {"environment.yaml": text.encode()})
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9)})
        assert ids(Taskset.from_hub(f"{REPO}@{commit}", hub=hub)) == TRAIN_IDS
        assert caplog.record_tuples == []

    def test_files_and_splits_may_be_named(self, hub, elsewhere):
        elsewhere("{repo_id: acme/words, data_files: {held: 'data/train-00001*'}}")
        taskset = Taskset.from_hub("bob/bound", hub=hub)
        assert (list(taskset), ids(taskset, "held")) == (["held"], ["b-0", "b-1"])

    def test_a_dataset_that_is_not_there_is_named(self, hub, elsewhere):
        elsewhere("{repo_id: acme/nothing}")
        with pytest.raises(RepositoryNotFound, match="acme/nothing: there is no such dataset repository"):
            Taskset.from_hub("bob/bound", hub=hub)
        elsewhere("{repo_id: acme/words, revision: v9}")
        with pytest.raises(RevisionNotFound, match="acme/words@v9: there is no such branch"):
            Taskset.from_hub("bob/bound", hub=hub)

    def test_rows_made_by_code_are_not_looked_for(self, hub, elsewhere):
        elsewhere("{source: puzzles}")
        with pytest.raises(SourceError, match="dataset.source 'puzzles': rows made by code"):
            Taskset.from_hub("bob/bound", hub=hub)


class TestMistakes:
    def test_a_repository_without_a_declaration_says_what_to_do(self, server, hub):
        commit = server.commit(REPO, {"environment.yaml": None})
        with pytest.raises(DeclarationError) as caught:
            Taskset.from_hub(REPO, hub=hub)
        assert str(caught.value) == (
            f"hf://datasets/acme/words@{commit[:7]}/environment.yaml: there is no such file; to bind a dataset of "
            "somebody else, `tasksets init acme/words` drafts a folder of your own with an environment.yaml whose "
            "dataset.repo_id names it"
        )

    def test_mistakes_in_it_have_their_line_and_the_commit(self, server, hub):
        commit = server.commit(
            REPO, {"environment.yaml": YAML.replace("visible: [prompt]", "visible: [promt]").encode()}
        )
        with pytest.raises(DeclarationError, match=f"^hf://datasets/acme/words@{commit[:7]}/environment.yaml:4: "):
            Taskset.from_hub(REPO, hub=hub)
        commit = server.commit(REPO, {"environment.yaml": YAML.replace("prompt: question", "prompt: qestion").encode()})
        with pytest.raises(DeclarationError, match=f"words@{commit[:7]}/environment.yaml:4: .* no column 'qestion'"):
            Taskset.from_hub(REPO, hub=hub).task("test", 0)

    def test_a_declared_split_without_files_is_refused_before_anything_is_fetched(self, server, hub):
        server.commit(
            REPO, {"environment.yaml": YAML.replace("- id: spelling", "- id: spelling\n    splits: [dev]").encode()}
        )
        with pytest.raises(DeclarationError, match="no rows for split 'dev'"):
            Taskset.from_hub(REPO, hub=hub)
        assert not any(request.origin == "cdn" for request in server.requests)

    @pytest.mark.parametrize("options", [{"private": True}, {"gated": "auto"}], ids=["private", "gated"])
    def test_private_and_gated_ones_need_a_token_that_may_read_them(self, server, options):
        server.create_repo("acme/closed", **options)
        server.commit("acme/closed", FILES)
        assert ids(Taskset.from_hub("acme/closed", hub=open_hub(server))) == TRAIN_IDS
        with pytest.raises(RepositoryNotFound, match="acme/closed.*log in with `hf auth login`, set HF_TOKEN"):
            Taskset.from_hub("acme/closed", hub=open_hub(server, token=False, cache_dir=server.home / "other"))


def test_offline_a_branch_is_what_it_was_last(server, hub):
    online = Taskset.from_hub(REPO, hub=hub)
    assert ids(online) == TRAIN_IDS
    server.reset_log()
    offline = Taskset.from_hub(REPO, hub=open_hub(server, offline=True))
    assert offline.reference == online.reference
    assert ids(offline) == TRAIN_IDS
    with pytest.raises(HubUnavailable, match="test-00000-of-00001.parquet: offline, and not in the cache"):
        offline.task("test", 0)
    assert server.requests == []


def test_a_pinned_taskset_needs_no_hub_the_second_time(server, tmp_path):
    hub = open_hub(server, cache_dir=tmp_path)
    pin = str(Taskset.from_hub(REPO, hub=hub).reference)
    ids(Taskset.from_hub(pin, hub=hub))
    server.close()
    assert ids(Taskset.from_hub(pin, hub=hub)) == TRAIN_IDS


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
