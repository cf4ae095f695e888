"""Locks: what is written down, twice the same; and that its two files belong together."""

import json
from dataclasses import replace
from importlib.metadata import version

import pyarrow as pa
import pytest
from loopback_hub import LoopbackHub
from sample_taskset import ENVIRONMENT, FILES, row, shards, write_files

from openenv_tasksets.loaders.errors import HubUnavailable, RowError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.lock import (
    LockInvalid,
    RuntimePin,
    make_lock,
    read_lock,
    read_tasks,
    runtime_pin,
    tasks_path,
    write_lock,
)
from openenv_tasksets.open_inventory import open_inventory


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "words", FILES)


@pytest.fixture
def path(tmp_path, folder):
    """A lock of the folder."""
    path = tmp_path / "taskset.lock"
    write_lock(path, *make_lock(open_inventory(folder)))
    return path


class TestContent:
    def test_it_says_what_the_taskset_is_made_of(self, path):
        written = json.loads(path.read_bytes())
        assert list(written) == [
            "version", "environment", "config", "reference", "dataset", "binding_hash", "binding", "runtime",
            "totals", "splits",
        ]  # fmt: skip
        assert (written["version"], written["environment"], written["config"]) == (1, "spelling", None)
        assert (written["reference"], written["dataset"]) == (None, None)
        assert written["totals"] == {
            "tasks": 4,
            "files": 3,
            "bytes": sum(len(content) for name, content in FILES.items() if name.endswith(".parquet")),
        }
        assert written["runtime"]["package"] == "openenv-tasksets"
        assert written["runtime"]["version"] == version("openenv-tasksets")
        train, test = written["splits"]
        assert (train["name"], train["rows"], test["name"], test["rows"]) == ("train", 3, "test", 1)
        assert [(file["path"], file["rows"]) for file in train["files"]] == [
            ("data/train-00000-of-00002.parquet", 2),
            ("data/train-00001-of-00002.parquet", 1),
        ]
        for file in (*train["files"], *test["files"]):
            assert file["size"] == len(FILES[file["path"]])
            assert len(file["sha256"]) == 64

    def test_it_is_read_back_as_it_was_written(self, path, folder):
        lock, tasks = make_lock(open_inventory(folder))
        assert read_lock(path) == lock
        assert read_tasks(path, lock) == tasks
        assert {split: list(each) for split, each in tasks.items()} == {"train": ["k1", "k2", "k3"], "test": ["k4"]}

    def test_the_same_taskset_gives_the_same_bytes(self, path, folder):
        before = path.read_bytes(), tasks_path(path).read_bytes()
        write_lock(path, *make_lock(open_inventory(folder)))
        assert (path.read_bytes(), tasks_path(path).read_bytes()) == before
        assert sorted(each.name for each in path.parent.iterdir()) == ["taskset.lock", "taskset.lock.tasks", "words"]

    def test_no_hidden_value_is_in_it(self, path):
        for file in (path, tasks_path(path)):
            content = file.read_bytes()
            assert b"secret" not in content
            assert b"4711" not in content

    def test_a_lock_beside_the_rows_is_not_taken_for_rows(self, tmp_path):
        folder = write_files(tmp_path / "words", {"environment.yaml": FILES["environment.yaml"]})
        write_files(folder, {"rows.parquet": FILES["data/test-00000-of-00001.parquet"]})
        first = make_lock(open_inventory(folder))
        write_lock(folder / "taskset.lock", *first)
        assert make_lock(open_inventory(folder)) == first

    def test_files_in_other_formats_have_no_rows_of_their_own_but_one_alone_has(self, tmp_path):
        lines = [json.dumps(row(f"k{number}")).encode() for number in range(3)]
        folder = write_files(
            tmp_path / "lines",
            {
                "environment.yaml": FILES["environment.yaml"],
                "train/1.jsonl": lines[0],
                "train/2.jsonl": lines[1],
                "test.jsonl": lines[2],
            },
        )
        lock, _ = make_lock(open_inventory(folder))
        assert [[(file.path, file.rows) for file in split.files] for split in lock.splits] == [
            [("train/1.jsonl", None), ("train/2.jsonl", None)]
        ]
        (folder / "train").rename(folder / "other")
        lock, _ = make_lock(open_inventory(folder))
        assert [(split.name, split.rows, split.files[0].rows) for split in lock.splits] == [("test", 1, 1)]

    def test_a_row_that_cannot_be_a_task_has_no_lock(self, folder):
        write_files(folder, shards("test", [[row("k4"), row("k4", "other")]]))
        with pytest.raises(RowError, match="id 'k4' is also the id of another row"):
            make_lock(open_inventory(folder))


class TestRuntime:
    @pytest.mark.parametrize(
        ("block", "pin"),
        [
            (None, RuntimePin()),
            ({"image": "ghcr.io/acme/env:1"}, RuntimePin(image="ghcr.io/acme/env:1")),
            ({"space_id": "acme/env"}, RuntimePin(space_id="acme/env")),
            ({"package": "no-such-package>=2"}, RuntimePin(package="no-such-package")),
            (
                {"package": "openenv-tasksets>=0.1", "environment": "answer"},
                RuntimePin(package="openenv-tasksets", version=version("openenv-tasksets"), environment="answer"),
            ),
        ],
    )
    def test_it_is_what_plays_the_tasks(self, declare, block, pin):
        frameworks = {"openenv": block} if block else {"verifiers": {}}
        assert runtime_pin(declare(frameworks=frameworks).environments[0]) == pin

    def test_arguments_are_in_it_as_a_digest(self, declare):
        def pinned(arguments):
            block = {"package": "openenv-tasksets", "environment": "answer", "arguments": arguments}
            return runtime_pin(declare(frameworks={"openenv": block}).environments[0]).arguments

        assert pinned({}) is None
        assert pinned({"a": 1, "b": 2}) == pinned({"b": 2, "a": 1}) != pinned({"a": 1, "b": 3})


class TestHub:
    def test_it_says_the_commits_and_a_pinned_lock_is_the_same_again(self, tmp_path, folder):
        with LoopbackHub() as server:
            server.create_repo("acme/words")
            commit = server.commit("acme/words", FILES)
            hub = Hub(server.endpoint, token=server.token, cache_dir=server.cache_dir, wait=lambda seconds: None)
            lock, tasks = make_lock(open_inventory("acme/words", hub=hub))
            assert lock.reference == f"hf://datasets/acme/words/spelling@{commit}"
            assert lock.dataset is None
            local, local_tasks = make_lock(open_inventory(folder))
            assert tasks == local_tasks
            assert [[file.sha256 for file in split.files] for split in lock.splits] == [
                [file.sha256 for file in split.files] for split in local.splits
            ]
            bound = ENVIRONMENT.replace("    task:", "    dataset: {repo_id: acme/words}\n    task:")
            elsewhere = write_files(tmp_path / "elsewhere", {"environment.yaml": bound.encode()})
            lock, tasks = make_lock(open_inventory(elsewhere, hub=hub))
            assert (lock.reference, lock.dataset) == (None, f"hf://datasets/acme/words@{commit}")
            assert tasks == local_tasks

    def test_a_small_file_that_git_holds_is_locked_by_its_sha256_too(self):
        with LoopbackHub() as server:
            server.create_repo("acme/words")
            lines = json.dumps(row("k1")).encode()
            server.commit("acme/words", {"environment.yaml": FILES["environment.yaml"], "train.jsonl": lines})
            hub = Hub(server.endpoint, token=server.token, cache_dir=server.cache_dir, wait=lambda seconds: None)
            lock, _ = make_lock(open_inventory("acme/words", hub=hub))
            [file] = lock.splits[0].files
            assert len(file.sha256) == 64
            assert len(file.git_sha1) == 40

    def test_a_file_that_the_hub_does_not_give_leaves_no_lock(self, tmp_path):
        with LoopbackHub() as server:
            server.create_repo("acme/words")
            server.commit("acme/words", FILES)
            options = {"token": server.token, "cache_dir": server.cache_dir}
            open_inventory("acme/words", hub=Hub(server.endpoint, **options))
            known = open_inventory("acme/words", hub=Hub(server.endpoint, **options, offline=True))
            with pytest.raises(HubUnavailable, match="offline"):
                write_lock(tmp_path / "taskset.lock", *make_lock(known))
            assert list(tmp_path.iterdir()) == []


class TestReading:
    def test_a_missing_lock_is_told_with_the_command(self, tmp_path):
        with pytest.raises(LockInvalid, match="none.lock: there is no such file; `tasksets lock` writes a new one"):
            read_lock(tmp_path / "none.lock")
        with pytest.raises(LockInvalid, match="cannot be read: Is a directory"):
            read_lock(tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is not a lock: Input data was truncated"),
            (b"[]", "is not a lock: Expected `object`"),
            (b"\xff\xfe", "is not a lock"),
            (b'{"version": 2}', "is of version 2, and this library reads 1"),
            (b"{}", "is of version None"),
            (b'{"version": 1}', "is not a lock: Object missing required field"),
        ],
    )
    def test_what_is_not_a_lock_is_told(self, tmp_path, content, message):
        (tmp_path / "x.lock").write_bytes(content)
        with pytest.raises(LockInvalid, match=message):
            read_lock(tmp_path / "x.lock")

    def test_a_binding_edited_by_hand_is_told(self, path):
        path.write_text(path.read_text().replace('"visible": [', '"visible": ["answer", '))
        with pytest.raises(LockInvalid, match="its binding does not have its binding_hash"):
            read_lock(path)

    def test_task_hashes_that_are_missing_broken_or_of_another_lock_are_told(self, path, folder):
        lock = read_lock(path)
        tasks_path(path).write_bytes(b"PAR1")
        with pytest.raises(LockInvalid, match="taskset.lock.tasks: cannot be read"):
            read_tasks(path, lock)
        tasks_path(path).unlink()
        with pytest.raises(
            LockInvalid, match="taskset.lock.tasks: there is no such file; it belongs to .*taskset.lock"
        ):
            read_tasks(path, lock)
        write_files(folder, shards("test", [[row("k4", "new")]]))
        write_lock(path, *make_lock(open_inventory(folder)))
        with pytest.raises(LockInvalid, match="has the task hashes of another lock than"):
            read_tasks(path, lock)


class TestWriting:
    def test_a_place_that_cannot_be_written_to_is_told_and_nothing_half_written_is_left(self, folder, tmp_path):
        made = make_lock(open_inventory(folder))
        with pytest.raises(LockInvalid, match="none/taskset.lock: cannot be written: No such file or directory"):
            write_lock(tmp_path / "none" / "taskset.lock", *made)
        (tmp_path / "taken.lock").mkdir()
        with pytest.raises(LockInvalid, match="taken.lock: cannot be written: Is a directory"):
            write_lock(tmp_path / "taken.lock", *made)
        assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]

    def test_what_cannot_be_written_leaves_the_old_lock_whole(self, path, folder):
        lock, tasks = make_lock(open_inventory(folder))
        before = path.read_bytes(), tasks_path(path).read_bytes()
        with pytest.raises(TypeError):
            write_lock(path, replace(lock, environment=object()), tasks)
        with pytest.raises(pa.ArrowInvalid):
            write_lock(path, lock, {"train": {"k1": b"too short"}})
        assert (path.read_bytes(), tasks_path(path).read_bytes()) == before
        assert read_tasks(path, read_lock(path)) == tasks
