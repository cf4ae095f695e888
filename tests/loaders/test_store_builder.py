"""Builders of row stores: however many write, and whatever stops them, each row group is there once or not at all."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.store import INDEX, RECORD
from openenv_tasksets.loaders.store_builder import StoreBuilder
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores, damaged_rows


@pytest.fixture
def stores(tmp_path):
    return Stores(tmp_path / "rows")


def test_a_file_system_without_locks_gets_a_store_too(tmp_path, stores):
    """Even two at once, which each write files of their own."""

    def lock(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    pq.write_table(pa.table({"n": range(1000)}), tmp_path / "a.parquet", row_group_size=10)
    opened = [StoredRows.open(SourceFiles(tmp_path, ["a.parquet"]), stores) for _ in range(2)]
    builders = [StoreBuilder(each.parquet, each._store, stores, lock=lock) for each in opened]
    for builder in builders:
        builder.start()
    for builder in builders:
        assert builder.wait(60)

    for each in opened:
        assert each._store.is_complete
        assert each.read_many(range(1000)) == [{"n": n} for n in range(1000)]
    [stored] = stores
    assert stored.rows == 1000
    assert damaged_rows(stored) == 0
    assert 1 <= len(list(stored.folder.glob(f"*{INDEX}"))) <= 2


@pytest.mark.parametrize("share_bytes", [1, 1 << 30])
def test_several_threads_write_each_row_group_once(tmp_path, stores, share_bytes):
    pq.write_table(pa.table({"n": range(1000)}), tmp_path / "a.parquet", row_group_size=10)
    rows = StoredRows.open(SourceFiles(tmp_path, ["a.parquet"]), stores)
    builder = StoreBuilder(rows.parquet, rows._store, stores, share_bytes=share_bytes)
    builder.start()
    steps = sum(1 for _ in builder.help())
    assert builder.wait(60)

    assert steps or rows._store.is_complete
    [stored] = stores
    assert stored.rows == 1000
    files = [path.stat().st_size // RECORD.size for path in stored.folder.glob(f"*{INDEX}")]
    assert sum(files) == 100
    assert damaged_rows(stored) == 0
    assert [row["n"] for row in rows] == list(range(1000))


def test_a_row_group_that_many_ask_for_is_written_once(tmp_path, stores):
    """Also where it is asked for while another thread is in the middle of it."""
    pq.write_table(pa.table({"n": range(90_000)}), tmp_path / "a.parquet", row_group_size=30_000)
    rows = StoredRows.open(SourceFiles(tmp_path, ["a.parquet"]), stores)
    builder = StoreBuilder(rows.parquet, rows._store, stores, share_bytes=1)
    for _ in range(20):
        assert not builder.write_next(1)
    builder.start()
    assert builder.wait(60)

    [stored] = stores
    assert sum(path.stat().st_size // RECORD.size for path in stored.folder.glob(f"*{INDEX}")) == 3
    assert rows.read_many(range(90_000)) == [{"n": n} for n in range(90_000)]


def test_who_cannot_wait_helps_and_ends_where_there_is_no_room(tmp_path):
    stores = Stores(tmp_path / "rows", 60_000)
    pq.write_table(pa.table({"text": [f"{n:0100}" for n in range(1000)]}), tmp_path / "a.parquet", row_group_size=10)
    rows = StoredRows.open(SourceFiles(tmp_path, ["a.parquet"]), stores, small_bytes=0)
    for _ in rows.prepare():
        pass
    assert rows.build().wait(60)

    assert not rows._store.is_complete
    [stored] = stores
    assert 0 < stored.size <= 60_000
