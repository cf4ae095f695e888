"""What is remembered beside the Hub's cache: whole or not at all."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from openenv_tasksets.loaders.hub_cache import HubCache
from openenv_tasksets.loaders.hub_file import HubFile

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = b"rows" * 100
FILE = HubFile("data/a.parquet", len(CONTENT), "0" * 40, hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def cache(tmp_path):
    return HubCache(tmp_path / "datasets--acme--words")


@pytest.fixture
def downloaded(cache, tmp_path):
    """A file as the Hub's library leaves it: a link in the snapshot, to a blob."""
    blob = tmp_path / "datasets--acme--words/blobs" / FILE.digest
    blob.parent.mkdir(parents=True)
    blob.write_bytes(CONTENT)
    link = cache.snapshot(COMMIT) / FILE.path
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return link


def test_the_files_of_a_commit_come_back_as_they_were_kept(cache):
    assert cache.listing(COMMIT) is None
    cache.keep_listing(COMMIT, [FILE, HubFile("é/中.txt", 0, "1" * 40, None)])
    assert cache.listing(COMMIT) == (FILE, HubFile("é/中.txt", 0, "1" * 40, None))


@pytest.mark.parametrize("content", [b"", b"[", b"[1]", b'{"path": "a"}', b"\xff"])
def test_a_damaged_list_is_as_if_it_were_not_there(cache, tmp_path, content):
    cache.keep_listing(COMMIT, [FILE])
    (kept,) = tmp_path.glob("**/*.json")
    kept.write_bytes(content)
    assert cache.listing(COMMIT) is None


def test_the_last_commit_of_a_branch_is_where_the_hubs_library_keeps_it(cache, tmp_path):
    assert cache.last_commit("refs/pr/3") is None
    cache.keep_commit("refs/pr/3", COMMIT)
    assert (tmp_path / "datasets--acme--words/refs/refs/pr/3").read_text() == COMMIT
    assert cache.last_commit("refs/pr/3") == COMMIT
    (tmp_path / "datasets--acme--words/refs/main").write_text("0123")
    assert cache.last_commit("main") is None


def test_a_file_is_hashed_once_and_again_when_it_was_written_to(cache, downloaded):
    assert cache.confirm(FILE, downloaded)
    status = downloaded.stat()
    blob = downloaded.resolve()
    blob.write_bytes(b"ROWS" * 100)
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cache.confirm(FILE, downloaded), "neither size nor time have changed: the hash is not asked"
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert not cache.confirm(FILE, downloaded)


def test_a_wrong_file_is_removed_with_every_link_on_the_way_to_it(cache, downloaded, tmp_path):
    blob = downloaded.resolve()
    shared = tmp_path / "blobs/ab/shared"
    shared.parent.mkdir(parents=True)
    shared.write_bytes(b"wrong")
    blob.unlink()
    blob.symlink_to(os.path.relpath(shared, blob.parent))
    assert not cache.confirm(FILE, downloaded)
    assert not any(path.is_symlink() or path.exists() for path in (downloaded, blob, shared))
    assert not cache.confirm(FILE, downloaded), "and once more, where there is nothing left"


def test_what_cannot_be_written_is_not_remembered_and_no_error(downloaded, cache, tmp_path):
    (tmp_path / "datasets--acme--words/openenv-tasksets").write_text("in the way")
    (tmp_path / "datasets--acme--words/refs").write_text("in the way")
    cache.keep_listing(COMMIT, [FILE])
    cache.keep_commit("main", COMMIT)
    assert (cache.listing(COMMIT), cache.last_commit("main")) == (None, None)
    assert cache.confirm(FILE, downloaded)


def test_readers_see_a_whole_list_while_it_is_written_again_and_again(cache):
    files = [HubFile(f"{number}.txt", number, f"{number:040}", None) for number in range(500)]
    cache.keep_listing(COMMIT, files)
    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(cache.keep_listing, COMMIT, files) for _ in range(40)]
        reading = [pool.submit(cache.listing, COMMIT) for _ in range(40)]
        assert all(each.result() == tuple(files) for each in reading)
        assert all(each.result() is None for each in writing)
