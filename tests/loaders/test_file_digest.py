"""A digest is remembered until the file is written to, whatever the file's times say."""

import hashlib
import os

import pytest

from openenv_tasksets.loaders.errors import SourceChanged
from openenv_tasksets.loaders.file_digest import FileDigests
from openenv_tasksets.loaders.files import SourceFile

OLD = (1_600_000_000, 1_600_000_000)


@pytest.fixture
def write(tmp_path):
    def write(content, times=OLD):
        (tmp_path / "a.parquet").write_bytes(content)
        if times:
            os.utime(tmp_path / "a.parquet", times)
        return SourceFile.at(tmp_path, "a.parquet")

    return write


@pytest.fixture
def digests(tmp_path):
    return FileDigests(tmp_path / "cache")


def test_it_is_that_of_the_content_and_then_known(write, digests):
    file = write(b"x" * 3_000_000)
    assert digests.known(file) is None
    advanced = []

    digest = digests.compute(file, advanced.append)

    assert digest == hashlib.sha256(b"x" * 3_000_000).digest()
    assert sum(advanced) == file.size
    assert digests.known(file) == digest


def test_other_content_of_the_same_size_and_time_is_not_known(write, digests):
    digests.compute(write(b"one"), lambda _: None)

    assert digests.known(write(b"two")) is None


def test_a_file_written_to_just_now_is_not_remembered(write, digests):
    """It could be written to once more within the same tick of the file system's clock."""
    file = write(b"one", times=None)
    digests.compute(file, lambda _: None)

    assert digests.known(file) is None


def test_a_file_that_changes_is_an_error(write, digests):
    file = write(b"one")
    write(b"three")

    with pytest.raises(SourceChanged):
        digests.compute(file, lambda _: None)
    assert digests.known(file) is None


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 100])
def test_a_record_that_is_none_is_not_believed(write, digests, tmp_path, content):
    file = write(b"one")
    digests.compute(file, lambda _: None)
    [record] = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    record.write_bytes(content)

    assert digests.known(file) is None


def test_a_cache_that_cannot_be_written_costs_the_memory_only(write, tmp_path):
    (tmp_path / "cache").write_bytes(b"")

    assert FileDigests(tmp_path / "cache").compute(write(b"one"), lambda _: None) == hashlib.sha256(b"one").digest()
