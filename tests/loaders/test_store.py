"""Packed rows of a store: one, a run of them, and some anywhere are the same bytes, or are not there."""

import zlib
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.store import ENTRY, INDEX, MAGIC, RECORD, ROWS, RowStore, records
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores, damaged_rows

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


def blocks(folder):
    [index] = folder.glob(f"*{INDEX}")
    return {group: (rows_at, table_at, count) for group, rows_at, table_at, count in records(index.read_bytes())}


def overwrite(folder, at, content):
    [path] = folder.glob(f"*{ROWS}")
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(content)


@pytest.mark.parametrize("place", [0, 1, 50])
def test_a_table_of_zeros_is_not_believed(folder, place):
    """As a hole in a file is, which some file systems leave after a crash."""
    _, table_at, count = blocks(folder)[1]
    overwrite(folder, table_at + ENTRY.size * place, bytes(ENTRY.size * (count + 1 - place)))

    assert RowStore(folder, SIZES).row(1, 60) is None
    assert RowStore(folder, SIZES).run(1, 55, 20) is None
    assert RowStore(folder, SIZES).rows(STARTS, [5, 160]) == RowStore(folder, SIZES).rows(STARTS, [5])
    [stored] = Stores(folder.parent.parent)
    assert damaged_rows(stored) >= count - place


def test_the_block_of_another_row_group_is_not_believed(folder):
    [index] = folder.glob(f"*{INDEX}")
    first, second = blocks(folder)[0], blocks(folder)[1]
    swapped = [RECORD.pack(MAGIC, group, *block, 0)[:-4] for group, block in ((1, first), (0, second))]
    index.write_bytes(b"".join(record + zlib.crc32(record).to_bytes(4, "little") for record in swapped))

    assert RowStore(folder, SIZES).row(0, 3) is None
    assert RowStore(folder, SIZES).row(1, 3) is None


def test_where_a_row_of_a_run_ends_may_be_wrong_and_the_row_itself_is_then_not_there(folder):
    expected = one_by_one(RowStore(folder, SIZES))
    _, table_at, _ = blocks(folder)[0]
    overwrite(folder, table_at + ENTRY.size * 8, (12345).to_bytes(4, "little"))

    content, _ = RowStore(folder, SIZES).run(0, 0, 20)
    assert content == b"".join(expected[:20])
    assert RowStore(folder, SIZES).row(0, 7) is None
    assert RowStore(folder, SIZES).row(0, 8) is None
    assert RowStore(folder, SIZES).row(0, 9) == expected[9]
