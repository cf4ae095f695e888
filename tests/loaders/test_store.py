"""Packed rows of a store: one, a run of them, and some anywhere are the same bytes, or are not there."""

from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.store import INDEX, ROWS, RowStore
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores

SIZES = [100, 100, 50]
STARTS = [0, 100, 200, 250]


@pytest.fixture
def folder(tmp_path):
    pq.write_table(
        pa.table({"text": [f"row {n:03}" + "x" * (n % 90) for n in range(250)]}), tmp_path / "a", row_group_size=100
    )
    rows = StoredRows.open(SourceFiles(tmp_path, ["a"]), Stores(tmp_path / "rows"), small_bytes=0)
    assert rows.build().wait(60)
    return rows._store.folder


def one_by_one(store):
    return [store.row(group, place) for group, size in enumerate(SIZES) for place in range(size)]


def test_runs_and_rows_anywhere_are_the_rows_one_by_one(folder):
    expected = one_by_one(RowStore(folder, SIZES))
    store = RowStore(folder, SIZES)
    for group, place, count in ((0, 0, 100), (1, 99, 1), (2, 7, 43)):
        content, ends = store.run(group, place, count)
        start = STARTS[group] + place
        assert [content[one:other] for one, other in pairwise(ends)] == expected[start : start + count]
    anywhere = [249, 0, 100, 99, 99]
    assert store.rows(STARTS, anywhere) == [expected[index] for index in anywhere]
    assert store.rows(STARTS, anywhere) == [expected[index] for index in anywhere], "with its tables in memory"
    assert store.rows(STARTS, []) == []


def test_what_is_damaged_ends_the_rows_and_its_row_group(folder):
    [path] = folder.glob(f"*{ROWS}")
    expected = one_by_one(RowStore(folder, SIZES))
    content = bytearray(path.read_bytes())
    place = content.index(b"".join(expected[120:123])) + len(expected[120]) + 20
    content[place] ^= 1
    path.write_bytes(content)

    for read in (lambda store: store.rows(STARTS, [5, 121, 6]), lambda store: store.run(1, 0, 100)):
        store = RowStore(folder, SIZES)
        assert read(store) in ([expected[5]], None)
        assert 1 not in store
        assert store.row(0, 5) == expected[5]
    warm = RowStore(folder, SIZES)
    assert warm.rows(STARTS, [100, 5, 121, 6]) == [expected[100], expected[5]]


def test_a_row_group_that_is_not_there_gives_nothing(folder):
    for path in folder.glob(f"*{INDEX}"):
        path.unlink()
    store = RowStore(folder, SIZES)
    assert (store.row(0, 0), store.run(0, 0, 5), store.rows(STARTS, [0])) == (None, None, [])
    assert not store.is_complete
