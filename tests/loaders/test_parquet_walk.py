"""Row groups walked on two threads: every row once and in order, up to the first that cannot be had."""

import itertools
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.packed_rows import AT_ONCE_ROWS
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.parquet_walk import AHEAD_BYTES, packed_in_order, rows_in_order

NAMES = ["0.parquet", "1.parquet"]


@pytest.fixture
def root(tmp_path):
    """Two files of 100 rows, row groups of 40."""
    for number, name in enumerate(NAMES):
        numbers = range(number * 100, number * 100 + 100)
        table = pa.table({"n": numbers, "text": [f"row {n}" * (n % 5) for n in numbers]})
        pq.write_table(table, tmp_path / name, row_group_size=40)
    return tmp_path


def counted(rows):
    """The rows, each part as long as it says it is."""
    for count, part in rows_in_order(rows):
        some = list(part)
        assert len(some) == count <= AT_ONCE_ROWS
        yield from some


def test_every_row_comes_once_and_in_order(root):
    expected = pq.read_table(root / NAMES[0]).to_pylist() + pq.read_table(root / NAMES[1]).to_pylist()

    assert list(counted(ParquetRows.open(root, NAMES))) == expected
    assert list(counted(ParquetRows.open(root, NAMES, ["text"]))) == [{"text": row["text"]} for row in expected]


def test_rows_without_columns_are_rows(root):
    assert list(counted(ParquetRows.open(root, NAMES, []))) == [{}] * 200


def test_what_cannot_be_read_ends_the_walk_before_it(root):
    rows = ParquetRows.open(root, NAMES)
    os.truncate(root / NAMES[1], 50)

    assert [row["n"] for row in counted(rows)] == list(range(100))


def test_what_cannot_be_packed_ends_the_walk_before_it(root):
    def pack(batch):
        if batch.column(0)[0].as_py() == 140:
            raise pa.ArrowInvalid("damaged")
        return pa.array([b"x"] * batch.num_rows, pa.binary())

    assert sum(map(len, packed_in_order(ParquetRows.open(root, NAMES).groups, pack))) == 140


def test_a_value_without_a_form_is_an_error_at_its_row(tmp_path):
    days = pa.array([*range(70), 2_000_000_000, 71], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"n": range(72), "day": days}), tmp_path / "0.parquet", row_group_size=60)
    walk = counted_one_by_one(ParquetRows.open(tmp_path, ["0.parquet"]))

    assert [row["n"] for row in itertools.islice(walk, 70)] == list(range(70))
    with pytest.raises(SourceError, match=r"0\.parquet, row 70: column 'day'"):
        next(walk)


def counted_one_by_one(rows):
    for _, part in rows_in_order(rows):
        yield from part


def test_a_walk_that_is_dropped_leaves_no_thread_behind(tmp_path, reading_threads):
    # More than both threads hold ahead, so that neither is done when the walk is dropped.
    pq.write_table(pa.table({"text": ["x" * 100_000] * (8 * AHEAD_BYTES // 100_000)}), tmp_path / "0.parquet", 20)
    walk = counted(ParquetRows.open(tmp_path, ["0.parquet"]))
    next(walk)
    assert len(reading_threads()) == 2
    walk.close()

    assert not reading_threads()
