"""The file of task hashes: small, read back in order, and not mistaken for rows."""

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.layout import file_format
from openenv_tasksets.lock import LOCK_NAME, tasks_path
from openenv_tasksets.task_hash_file import read_task_hashes, tasks_digest, write_task_hashes


def hashed(number):
    return hashlib.blake2b(b"%d" % number, digest_size=16).digest()


def test_tasks_are_read_back_in_their_order(tmp_path):
    splits = {"train": {f"k{n}": hashed(n) for n in (3, 1, 2)}, "test": {"1": hashed(1), "ä": hashed(9)}}
    with (tmp_path / "x").open("wb") as stream:
        write_task_hashes(stream, {**splits, "empty": {}})
    read = read_task_hashes(tmp_path / "x")
    assert read == splits
    assert [list(tasks) for tasks in read.values()] == [["k3", "k1", "k2"], ["1", "ä"]]


def test_a_task_takes_less_than_forty_bytes(tmp_path):
    """A million would take less than 40 MB, with ids that share no beginning."""
    tasks = {hashlib.sha256(b"%d" % n).hexdigest()[:16]: hashed(n) for n in range(20_000)}
    sink = io.BytesIO()
    write_task_hashes(sink, {"train": tasks})
    assert len(sink.getvalue()) < 40 * len(tasks)


def test_the_digest_depends_on_ids_hashes_and_order():
    one, other = hashed(1), hashed(2)
    digests = [
        tasks_digest(tasks)
        for tasks in ({}, {"a": one}, {"a": other}, {"b": one}, {"a": one, "b": one}, {"b": one, "a": one})
    ]
    assert len(set(digests)) == len(digests)
    assert tasks_digest({"a": one, "b": other}) == "113f8672b546ecb90db70d46b220c7cb"


def test_any_other_file_is_refused(tmp_path):
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "other")
    with pytest.raises(ValueError, match="other columns"):
        read_task_hashes(tmp_path / "other")
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="Parquet"):
        read_task_hashes(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        read_task_hashes(tmp_path / "none")


def test_its_name_is_not_that_of_a_file_of_rows(tmp_path):
    assert file_format(tasks_path(tmp_path / LOCK_NAME).name) is None
