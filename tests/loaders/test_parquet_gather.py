"""Many rows at once, packed: the same rows, in the order asked for, from Parquet, from a store and from both."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.packed_rows import BulkRows
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.rows import ListRows
from openenv_tasksets.loaders.store_writer import StoreWriter
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores

COUNT = 300
NAMES = ["0.parquet", "1.parquet"]


def table():
    return pa.table(
        {
            "id": [f"task-{n}" for n in range(COUNT)],
            "when": pa.array([None if n % 5 == 0 else n for n in range(COUNT)], pa.timestamp("us", "UTC")),
            "turns": [[{"role": "user", "content": "x" * (n % 7)}] * (n % 3) for n in range(COUNT)],
            "kind": pa.array([f"k{n % 4}" for n in range(COUNT)]).dictionary_encode(),
        }
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two files; row groups of 7."""
    root = tmp_path_factory.mktemp("rows")
    for number, name in enumerate(NAMES):
        pq.write_table(table().slice(number * 200, 200), root / name, row_group_size=7)
    return root


@pytest.fixture(scope="module")
def expected(root):
    return pq.read_table(root / NAMES[0]).to_pylist() + pq.read_table(root / NAMES[1]).to_pylist()


def parquet(root):
    return ParquetRows.open(root, NAMES)


def half_stored(root):
    """Every third row group is in the store."""
    rows = stored(root, "half")
    with StoreWriter(rows._store) as writer:
        for number in range(0, len(rows.parquet.groups), 3):
            if number not in rows._store:
                group = rows.parquet.groups[number]
                writer.write(number, (piece.pack() for piece in group.pieces(rows.parquet.form)))
    return rows


def whole(root):
    rows = stored(root, "whole")
    assert rows.build().wait(60)
    assert rows.is_ready()
    return rows


def stored(root, name):
    return StoredRows.open(SourceFiles(root, NAMES), Stores(root / name), small_bytes=0, build_after_rows=10**9)


@pytest.mark.parametrize("open_rows", [parquet, half_stored, whole])
@settings(max_examples=25)
@given(indices=st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=120) | st.just(list(range(50, 250))))
def test_gathered_rows_are_those_that_pyarrow_reads(root, expected, open_rows, indices):
    packed = open_rows(root).gather(np.array(indices, np.int64), fetch=False)

    assert len(packed) == len(indices)
    assert packed.size_bytes > 0
    assert packed.unpack(0, len(indices)) == [expected[index] for index in indices]
    last = len(indices) // 2
    assert packed.unpack(last, last + 1) == [expected[indices[last]]]


def test_a_store_that_is_damaged_gives_no_wrong_row(root, expected, tmp_path):
    rows = StoredRows.open(SourceFiles(root, NAMES), Stores(tmp_path), small_bytes=0)
    assert rows.build().wait(60)
    [path] = tmp_path.glob("*/*/*.rows")
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), 5000):
        content[place] ^= 255
    path.write_bytes(content)
    indices = np.arange(COUNT)[::-1].copy()

    assert rows.gather(indices, fetch=False).unpack(0, COUNT) == expected[::-1]


def test_a_value_that_python_has_not_is_found_when_it_is_unpacked(tmp_path):
    days = pa.array([0, 10**7, 0], pa.date32())
    pq.write_table(pa.table({"day": days}), tmp_path / "a.parquet")
    packed = ParquetRows.open(tmp_path, ["a.parquet"]).gather(np.array([2, 1, 0]), fetch=False)

    assert packed.unpack(0, 1) == [{"day": datetime.date(1970, 1, 1)}]
    with pytest.raises(Exception, match="out of range"):
        packed.unpack(0, 3)


def test_rows_that_cannot_be_decoded_are_said(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": range(1000)}), path, row_group_size=100, use_dictionary=False)
    content = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(4).column(0)
    content[chunk.data_page_offset : chunk.data_page_offset + 20] = bytes(20)
    path.write_bytes(content)

    rows = ParquetRows.open(tmp_path, ["a.parquet"])
    assert rows.gather(np.array([999, 7]), fetch=False).unpack(0, 2) == [{"n": 999}, {"n": 7}]
    with pytest.raises(SourceError, match="row group 4 cannot be decoded"):
        rows.gather(np.array([999, 450, 7]), fetch=False)


def test_what_is_small_is_made_ready_in_memory_and_what_is_large_is_not(root):
    small, large = parquet(root), ParquetRows.open(root, NAMES, cache_bytes=1000)
    for rows in (small, large):
        assert not rows.is_ready()
        list(rows.prepare())
    assert small.is_ready()
    assert not large.is_ready()
    assert small.is_hot(COUNT - 1)
    assert not large.is_hot(COUNT - 1)


def test_rows_without_columns_and_rows_of_other_kinds_are_read_in_other_ways(root):
    assert parquet(root).project([]).gather(np.array([1]), fetch=False) is None
    assert not isinstance(ListRows([{"a": 1}]), BulkRows)
    assert isinstance(stored(root, "no"), BulkRows)


def test_rows_of_a_row_group_that_is_decoded_in_parts_are_each_in_their_own_part(tmp_path):
    """The last and the first row of each part of 4,096."""
    pq.write_table(pa.table({"n": range(10_000)}), tmp_path / "a.parquet", row_group_size=10_000)
    rows = ParquetRows.open(tmp_path, ["a.parquet"])
    indices = [8192, 0, 4095, 9999, 4096, 8191, 4096]

    packed = rows.gather(np.array(indices), fetch=True)

    assert packed.unpack(0, len(indices)) == [{"n": n} for n in indices]
