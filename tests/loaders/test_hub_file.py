"""A file of a repository: whether some bytes are it."""

import hashlib

import pytest

from openenv_tasksets.loaders.hub_file import HubFile

CONTENT = b"three words here"


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


LARGE = HubFile("a.parquet", len(CONTENT), "0" * 40, hashlib.sha256(CONTENT).hexdigest())
SMALL = HubFile("a.txt", len(CONTENT), git_sha1(CONTENT), None)


@pytest.mark.parametrize("file", [LARGE, SMALL], ids=["large", "small"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [(CONTENT, True), (b"Three words here", False), (CONTENT + b".", False), (CONTENT[:-1], False), (b"", False)],
)
def test_bytes_are_a_file_when_size_and_hash_agree(tmp_path, file, content, expected):
    (tmp_path / "file").write_bytes(content)
    assert file.is_at(tmp_path / "file") is expected


def test_the_digest_is_that_of_the_content_and_never_of_a_pointer():
    assert LARGE.digest == hashlib.sha256(CONTENT).hexdigest()
    assert SMALL.digest == git_sha1(CONTENT)


def test_the_hash_of_an_empty_file_is_gits_own(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert HubFile("empty", 0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", None).is_at(tmp_path / "empty")
