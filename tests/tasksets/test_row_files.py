"""Row files by content: known before they are opened, and the same ones when they are."""

import gzip
import hashlib

import pytest
from loopback_hub import LoopbackHub
from sample_taskset import parquet, row, write_files

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.loaders.snapshot import Snapshot
from openenv_tasksets.row_files import FolderFiles, HubFiles, RowFile, unit_keys, units

SHA, GIT = "a" * 64, "b" * 40


class TestUnits:
    def test_parquet_files_stand_alone_and_others_together(self):
        def paths(*names):
            return [[file.path for file in unit] for unit in units(RowFile(name, 1, SHA) for name in names)]

        assert paths("a.parquet", "b.parquet") == [["a.parquet"], ["b.parquet"]]
        assert paths("a.jsonl", "b.jsonl") == [["a.jsonl", "b.jsonl"]]
        assert paths("a.csv") == [["a.csv"]]
        assert paths() == []

    def test_files_that_share_a_hash_and_a_format_are_alike(self):
        def alike(one, other):
            return not unit_keys((one,)).isdisjoint(unit_keys((other,)))

        both = RowFile("a.jsonl", 1, SHA, GIT)
        assert alike(both, RowFile("b.jsonl", 1, SHA))
        assert alike(both, RowFile("b.jsonl", 1, None, GIT))
        assert not alike(both, RowFile("b.jsonl", 1, "c" * 64))
        assert not alike(RowFile("b.jsonl", 1, SHA), RowFile("b.jsonl", 1, None, GIT))
        assert not alike(RowFile("a.csv", 1, SHA), RowFile("a.tsv", 1, SHA))

    def test_units_are_alike_file_by_file_in_order(self):
        one, other = RowFile("a.jsonl", 1, SHA, GIT), RowFile("b.jsonl", 1, "c" * 64, "d" * 40)
        assert len(unit_keys((one, other))) == 2
        assert unit_keys((one, other)).isdisjoint(unit_keys((other, one)))
        assert unit_keys((one, RowFile("b.jsonl", 1, None, GIT))) == {("git", ("json", GIT), ("json", GIT))}


class TestFolder:
    def test_a_file_is_described_by_both_hashes(self, tmp_path):
        content = b'{"a": 1}\n' * 200_000
        write_files(tmp_path, {"train.jsonl": content, "empty.jsonl": b""})
        described, empty = FolderFiles(tmp_path).describe(["train.jsonl", "empty.jsonl"])
        assert described.size == len(content) > 1 << 20
        assert described.sha256 == hashlib.sha256(content).hexdigest()
        assert described.git_sha1 == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        assert empty.sha256 == hashlib.sha256().hexdigest()

    def test_a_file_that_changed_since_it_was_described_is_not_opened(self, tmp_path):
        write_files(tmp_path, {"train.jsonl": b'{"a": 1}\n'})
        source = FolderFiles(tmp_path)
        list(source.describe(["train.jsonl"]))
        assert len(source.open_rows(["train.jsonl"])) == 1
        write_files(tmp_path, {"train.jsonl": b'{"a": 1}\n{"a": 2}\n'})
        with pytest.raises(SourceChanged, match="train.jsonl: changed since it was opened"):
            source.open_rows(["train.jsonl"])

    def test_a_missing_file_is_an_error(self, tmp_path):
        with pytest.raises(SourceError, match=r"none.jsonl: cannot be opened: No such file"):
            list(FolderFiles(tmp_path).describe(["none.jsonl"]))


class TestHub:
    def test_a_file_is_described_as_the_hub_lists_it(self, tmp_path):
        files = {"train.jsonl": b'{"a": 1}\n', "test.parquet": parquet([row("k")])}
        local = {file.path: file for file in FolderFiles(write_files(tmp_path, files)).describe(list(files))}
        with LoopbackHub() as server:
            server.create_repo("acme/words")
            server.commit("acme/words", files)
            hub = Hub(server.endpoint, token=server.token, cache_dir=server.cache_dir)
            source = HubFiles(Snapshot.at(hub, DatasetReference("acme/words")))
            small, large = source.describe(list(files))
            assert not any("/resolve/" in request.path for request in server.requests)
            assert (small.sha256, small.git_sha1) == (None, local["train.jsonl"].git_sha1)
            assert (large.sha256, large.git_sha1) == (local["test.parquet"].sha256, None)
            assert source.with_sha256(small) == local["train.jsonl"]
            assert source.with_sha256(large) == large
            assert source.is_far
            assert [row["a"] for row in source.open_rows(["train.jsonl"])] == [1]


def test_a_compressed_copy_is_another_file(tmp_path):
    content = b'{"a": 1}\n'
    write_files(tmp_path, {"a.jsonl": content, "a.jsonl.gz": gzip.compress(content)})
    one, other = FolderFiles(tmp_path).describe(["a.jsonl", "a.jsonl.gz"])
    assert unit_keys((one,)).isdisjoint(unit_keys((other,)))
