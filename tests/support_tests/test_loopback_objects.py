"""Ids, attributes and ignore rules are those of git itself."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from loopback_hub.objects import Blob, Commit
from loopback_hub.patterns import DEFAULT_ATTRIBUTES, is_binary, is_ignored, is_large

FILES = {
    "README.md": b"hello\n",
    "data/train.txt": b"",
    "data.txt": b"between a folder and its name with a slash",
    "data/deep/down/here.txt": b"x" * 3000,
    "z/é.txt": "ünïcode".encode(),
}


@pytest.fixture
def git(tmp_path):
    stamp = "2024-01-01T00:00:05 +0000"
    who = {"NAME": "alice", "EMAIL": "alice@users.noreply", "DATE": stamp}
    named = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    environment = {**os.environ, **named, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}

    def run(*arguments):
        return subprocess.run(
            ["git", "-c", "commit.gpgsign=false", *arguments],
            cwd=tmp_path,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        ).stdout.strip()

    run("init", "-q", "-b", "main")
    return run


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def test_blobs_trees_and_commits_have_the_ids_that_git_gives_them(git, tmp_path):
    write(tmp_path, FILES)
    git("add", "-A")
    git("commit", "-q", "-m", "first\n\nwith a message")
    first = git("rev-parse", "HEAD")
    git("commit", "-q", "--allow-empty", "-m", "second\n\nmore")
    files = MappingProxyType({path: Blob.regular(content) for path, content in FILES.items()})
    date = datetime(2024, 1, 1, 0, 0, 5, tzinfo=UTC)
    commit = Commit(None, "alice", "first", "with a message\n", date, files)
    assert commit.folders[""] == git("rev-parse", f"{first}^{{tree}}")
    assert commit.folders["data"] == git("rev-parse", f"{first}:data")
    assert files["z/é.txt"].oid == git("rev-parse", f"{first}:z/é.txt")
    assert commit.id == first
    assert Commit(first, "alice", "second", "more\n", date, files).id == git("rev-parse", "HEAD")


def test_a_large_file_is_known_by_its_hash_and_committed_as_a_pointer():
    blob = Blob.large(b"abc")
    assert blob.etag == blob.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert blob.oid == Blob.regular(blob.committed).oid
    assert blob.committed.endswith(b"\nsize 3\n")


@pytest.mark.parametrize(
    "path", ["a.parquet", "deep/down/a.parquet", "a.parquet.txt", "saved_model/a/b.txt", "saved_model/b.txt", "x.tar.1"]
)
def test_attributes_make_the_files_large_that_git_says(git, tmp_path, path):
    write(tmp_path, {".gitattributes": DEFAULT_ATTRIBUTES.encode()})
    expected = git("check-attr", "filter", "--", path).endswith(": lfs")
    assert is_large(path, b"text", 4, DEFAULT_ATTRIBUTES) == expected


def test_a_later_attribute_takes_the_filter_away():
    attributes = "*.txt filter=lfs\n# a comment\nkeep.txt -filter\n/top.txt !filter\n"
    assert is_large("a.txt", b"", 4, attributes)
    assert not is_large("deep/keep.txt", b"", 4, attributes)
    assert not is_large("top.txt", b"", 4, attributes)
    assert is_large("deep/top.txt", b"", 4, attributes)


RULES = "*.log\n!keep.log\nbuild/\n/only-here\ndoc/*.txt\n**/cache\n# *.md\n\nimg[0-9].png\n"
PATHS = [
    *("a.log", "x/a.log", "keep.log", "build/a", "x/build/y/z", "build", "only-here", "x/only-here", "doc/a.txt"),
    *("doc/x/a.txt", "x/doc/a.txt", "x/cache/y", "cache", "a.md", "img1.png", "imgx.png"),
]


def test_ignore_rules_ignore_the_files_that_git_ignores(git, tmp_path):
    write(tmp_path, {".gitignore": RULES.encode()})
    expected = set(git("check-ignore", "--no-index", *PATHS).split())
    assert {path for path in PATHS if is_ignored(path, RULES)} == expected


@pytest.mark.parametrize(
    ("sample", "binary"),
    [(b"text", False), (b"a\0b", True), (b"\xff\xfe", True), ("aé".encode()[:-1], False), (b"\xe9 latin", True)],
)
def test_a_sample_is_binary_unless_it_starts_a_text(sample, binary):
    assert is_binary(sample) is binary


def test_size_alone_makes_a_file_large_and_emptiness_regular():
    limit = 10 * 1024 * 1024
    assert not is_large("a.txt", b"text", limit, "")
    assert is_large("a.txt", b"text", limit + 1, "")
    assert not is_large("a.parquet", b"", 0, DEFAULT_ATTRIBUTES)
