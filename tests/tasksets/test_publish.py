"""Pushes to a Hub over HTTP with the real client: one commit, read back equal, and no secret in it."""

import ast
import datetime as dt
import io
import json
import subprocess
import sys
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub
from pushing import FILE, REPO, TEST, TRAIN, actions, do_push, in_memory, make_folder, open_hub, parquet, sums, tasks

from openenv_tasksets.loaders.arrow_rows import is_same
from openenv_tasksets.loaders.errors import (
    HubError,
    HubUnavailable,
    ReferenceInvalid,
    RevisionNotFound,
)
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.hub_commit import WriteRefused
from openenv_tasksets.secret_scan import SecretFound
from openenv_tasksets.taskset import Taskset

TOKEN = "hf_" + "a1B2" * 9


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def hub(server):
    return open_hub(server)


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "sums")


class TestWhole:
    def test_a_push_is_one_commit_with_rows_declaration_and_card(self, server, hub):
        result = do_push(in_memory(title="Small sums"), hub)
        assert result.changed
        assert result.commit_hash == server.head(REPO)
        assert result.url == f"{server.endpoint}/datasets/{REPO}/commit/{result.commit_hash}"
        assert actions(result) == dict.fromkeys(["README.md", TEST, TRAIN, "environment.yaml"], "add")
        assert {file.path: file.size for file in result.files} == {
            path: len(content) for path, content in server.files(REPO).items() if path != ".gitattributes"
        }
        assert len(server.snapshot()[f"datasets/{REPO}"]["commits"]) == 2
        assert pq.read_table(io.BytesIO(server.files(REPO)[TRAIN])).to_pylist() == sums(30)

    def test_what_is_read_back_is_equal_types_included(self, server, hub):
        rows = [
            {
                "key": f"k{n}",
                "question": "ünï?",
                "answer": [Decimal("1.25"), None],
                "when": dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC),
                "day": dt.date(2026, 1, n + 1),
                "blob": b"\0\xff",
                "big": 2**64 - 1 - n,
                "deep": {"a": [{"b": n}, {"c": None}], "d": 1.5 if n else None},
                "topic": None,
            }
            for n in range(3)
        ]
        bound = {"prompt": "question", **{name: name for name in ("answer", "when", "day", "blob", "big", "deep")}}
        taskset = in_memory(rows, {"id": "key", "reset": bound, "visible": ["prompt", "day"], "public": ["topic"]})
        do_push(taskset, hub)
        back = Taskset.from_hub(REPO, hub=hub)
        assert tasks(back) == tasks(taskset)
        for mine, theirs in zip(taskset["train"], back["train"], strict=True):
            assert is_same(mine.arguments(), theirs.arguments())

    def test_a_folder_keeps_its_author_s_bytes_and_its_row_types(self, server, hub, folder):
        taskset = Taskset.from_path(folder)
        do_push(taskset, hub)
        assert server.files(REPO)["environment.yaml"] == FILE.encode()
        back = Taskset.from_hub(REPO, hub=hub)
        assert list(back) == ["train", "test"]
        assert [tasks(back, split) for split in back] == [tasks(taskset, split) for split in taskset]

    @pytest.mark.slow
    def test_datasets_loads_the_same_rows(self, server, hub):
        """Sizes in the card are those that ``datasets`` compares with what it reads."""
        do_push(in_memory({"train": sums(30), "test": sums(5), "hold.out": sums(2)}), hub)
        code = (
            f"from datasets import load_dataset\nprint({{k: v.to_list() for k, v in load_dataset({REPO!r}).items()}})"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], env=server.environment(), capture_output=True, text=True, check=True
        )
        assert ast.literal_eval(run.stdout) == {"train": sums(30), "test": sums(5), "hold.out": sums(2)}

    def test_only_what_belongs_to_the_taskset_leaves_the_folder(self, server, hub, folder):
        for name in (".env", "notes.txt", "train.csv.bak", "secrets.yaml", "taskset.lock", "taskset.lock.tasks"):
            (folder / name).write_text(f"{name}\n")
        (folder / "sub").mkdir()
        (folder / "sub" / "model.py").write_text("pass")
        do_push(Taskset.from_path(folder), hub)
        assert server.files(REPO).keys() == {
            *(".gitattributes", "README.md", "environment.yaml", TRAIN, TEST, "taskset.lock", "taskset.lock.tasks")
        }

    def test_the_ignore_rules_of_the_repository_leave_nothing_out(self, server, hub):
        server.create_repo(REPO)
        server.commit(REPO, {".gitignore": b"*.parquet\nenvironment.yaml\n"})
        taskset = in_memory()
        do_push(taskset, hub)
        assert tasks(Taskset.from_hub(REPO, hub=hub)) == tasks(taskset)

    def test_a_split_without_rows_and_one_of_several_files_come_back(self, server, hub, folder):
        (folder / "train.jsonl").unlink()
        for number in range(3):
            (folder / f"train-{number}.parquet").write_bytes(parquet(sums(4, 4 * number)))
        taskset = Taskset.from_path(folder)
        do_push(taskset, hub)
        assert [path for path in server.files(REPO) if "train" in path] == [
            f"data/train-0000{number}-of-00003.parquet" for number in range(3)
        ]
        assert tasks(Taskset.from_hub(REPO, hub=hub)) == tasks(taskset)


class TestWhere:
    def test_a_branch_is_created_where_there_is_none(self, server, hub):
        do_push(in_memory(), hub)
        main = server.head(REPO)
        result = do_push(in_memory({"train": sums(3)}), hub, revision="dev/x")
        assert server.head(REPO) == main
        assert server.head(REPO, "dev/x") == result.commit_hash
        assert len(Taskset.from_hub(REPO, revision="dev/x", hub=hub)["train"]) == 3

    def test_a_new_repository_may_start_with_a_branch(self, server, hub):
        do_push(in_memory(), hub, revision="dev")
        assert TRAIN in server.files(REPO, "dev")
        assert TRAIN not in server.files(REPO)

    def test_a_pull_request_leaves_the_branch_as_it_is(self, server, hub):
        do_push(in_memory(), hub)
        main = server.head(REPO)
        result = do_push(in_memory({"train": sums(3)}), hub, create_pr=True)
        assert (result.pull_request, server.head(REPO)) == ("refs/pr/1", main)
        assert result.url == f"{server.endpoint}/datasets/{REPO}/discussions/1"
        assert len(Taskset.from_hub(REPO, revision="refs/pr/1", hub=hub)["train"]) == 3
        assert do_push(in_memory({"train": sums(4)}), hub, revision="refs/pr/1").commit_hash == server.head(
            REPO, "refs/pr/1"
        )

    def test_a_pull_request_is_not_created_by_its_name(self, server, hub):
        server.create_repo(REPO)
        with pytest.raises(RevisionNotFound, match="refs/pr/9"):
            do_push(in_memory(), hub, revision="refs/pr/9")

    def test_a_commit_cannot_be_pushed_to(self, hub):
        with pytest.raises(HubError, match="0000000 is a commit, which never changes; push to a branch"):
            do_push(in_memory(), hub, revision="0" * 40)

    def test_a_tag_is_set_once_and_never_moved(self, server, hub):
        first = do_push(in_memory(), hub, tag="v1")
        assert server.head(REPO, "v1") == first.commit_hash
        assert do_push(in_memory(), hub, tag="v1").commit_hash == first.commit_hash
        before = server.snapshot()
        with pytest.raises(HubError, match=f"tag 'v1' is at {first.commit_hash[:7]}, and tags do not move"):
            do_push(in_memory({"train": sums(3)}), hub, tag="v1")
        assert server.snapshot() == before
        do_push(in_memory(), hub, tag="v2")
        assert server.head(REPO, "v2") == first.commit_hash

    def test_the_message_is_the_commit_s(self, server, hub):
        do_push(in_memory(), hub, commit_message="Second edition\n\nWith fewer typos.")
        commits = server.snapshot()[f"datasets/{REPO}"]["commits"]
        assert commits[server.head(REPO)]["title"] == "Second edition"

    @pytest.mark.parametrize("private", [True, False])
    def test_a_new_repository_is_private_as_asked(self, server, hub, private):
        do_push(in_memory(), hub, private=private)
        assert server.snapshot()[f"datasets/{REPO}"]["private"] is private

    @pytest.mark.parametrize("private", [True, False])
    def test_one_that_exists_is_not_pushed_to_in_the_belief_that_it_is_otherwise(self, server, hub, private):
        server.create_repo(REPO, private=not private)
        before = server.snapshot()
        is_now = "public" if private else "private"
        with pytest.raises(HubError, match=f"exists and is {is_now}, but private={private} was asked for"):
            do_push(in_memory(), hub, private=private)
        assert server.snapshot() == before
        do_push(in_memory(), hub)
        assert server.snapshot()[f"datasets/{REPO}"]["private"] is not private

    def test_without_the_right_to_write_nothing_happens(self, server):
        server.create_repo(REPO)
        before = server.snapshot()
        readers = [server.add_token("bob"), server.add_token("alice", organizations={"acme": "write"}, role="read")]
        for token in readers:
            hub = Hub(server.endpoint, token=token, cache_dir=server.cache_dir, wait=lambda seconds: None)
            with pytest.raises(WriteRefused, match="acme/sums: no right to write: .*the token may write there"):
                do_push(in_memory(), hub)
            with pytest.raises(WriteRefused):
                do_push(in_memory(), hub, "acme/new")
        assert server.snapshot() == before

    def test_a_name_that_the_hub_cannot_have_and_no_connection_are_said_first(self, server):
        with pytest.raises(ReferenceInvalid):
            do_push(in_memory(), Hub(server.endpoint), "sums")
        with pytest.raises(HubUnavailable, match="offline; a push needs the Hub"):
            do_push(in_memory(), Hub(server.endpoint, offline=True))
        assert not server.requests


class TestSecrets:
    @pytest.mark.parametrize(
        ("rows", "where"),
        [
            ([*sums(2), {"question": f"use {TOKEN}", "answer": 1}], "split 'train', row 2, column 'question'"),
            ([{"question": "?", "answer": 1, "other": {"a": [{"b": TOKEN}]}}], "split 'train', row 0, column 'other'"),
        ],
    )
    def test_a_secret_in_a_row_stops_the_push_and_is_named_but_not_shown(self, server, hub, rows, where):
        with pytest.raises(SecretFound) as caught:
            do_push(in_memory({"train": rows}), hub)
        assert f"{where}: a Hugging Face token" in caught.value.message
        assert TOKEN not in caught.value.message
        assert server.snapshot() == {}
        do_push(in_memory({"train": rows}), hub, allow_secrets=True)

    def test_texts_and_files_that_are_taken_as_they_are_are_looked_through_too(self, server, hub, folder):
        (folder / "environment.yaml").write_text(FILE + f"# {TOKEN}\n")
        (folder / "README.md").write_text(f"---\nlicense: mit\n---\n{TOKEN}\n")
        (folder / "train.jsonl").unlink()
        (folder / "train.parquet").write_bytes(parquet([{"question": TOKEN, "answer": 1}]))
        with pytest.raises(SecretFound) as caught:
            do_push(Taskset.from_path(folder), hub)
        wheres = [finding.where for finding in caught.value.findings]
        assert "environment.yaml, line 9" in wheres
        assert any(where.startswith("README.md, line ") for where in wheres)
        assert "split 'train', row 0, column 'question'" in wheres

    def test_declared_files_are_looked_through(self, server, hub, folder):
        (folder / "environment.yaml").write_text(
            FILE.replace(
                "    splits:", "    dataset: {data_files: {train: train.jsonl, test: test.jsonl}}\n    splits:"
            )
        )
        (folder / "test.jsonl").write_text(json.dumps({"question": TOKEN, "answer": 1}))
        with pytest.raises(SecretFound, match="split 'test', row 0, column 'question': a Hugging Face token"):
            do_push(Taskset.from_path(folder), hub)

    def test_of_many_the_first_twenty_are_named(self, server, hub):
        with pytest.raises(SecretFound) as caught:
            do_push(in_memory({"train": [{"question": TOKEN, "answer": 1}] * 500}), hub)
        assert len(caught.value.findings) == 20


class TestDryRun:
    def test_the_plan_is_told_and_nothing_is_written(self, server, hub):
        result = do_push(in_memory(), hub, dry_run=True)
        assert (result.commit_hash, result.changed) == (None, True)
        assert set(actions(result).values()) == {"add"}
        assert server.snapshot() == {}
        head = do_push(in_memory(), hub).commit_hash
        before = server.snapshot()
        server.reset_log()
        result = do_push(in_memory({"train": sums(2)}), hub, dry_run=True, tag="v1", private=True)
        assert (result.commit_hash, actions(result)[TRAIN]) == (head, "change")
        assert server.snapshot() == before
        assert {request.method for request in server.requests} <= {"GET", "HEAD"}
