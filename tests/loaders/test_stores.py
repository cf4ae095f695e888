"""All row stores of a user: what is there, what goes first, and what is damaged."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.store import HEAD, INDEX, RECORD, ROWS
from openenv_tasksets.loaders.store_builder import StoreBuilder
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import DEFAULT_LIMIT_BYTES, Stores, damaged_rows, remove


@pytest.fixture
def stores(tmp_path):
    return Stores(tmp_path / "rows")


def build(root, stores, name, *, rows=1000, used=None):
    """A store of the rows of a file of this name, last used at a time."""
    pq.write_table(pa.table({"text": [f"{name} {n:0100}" for n in range(rows)]}), root / name, row_group_size=200)
    opened = StoredRows.open(SourceFiles(root, [name]), stores, small_bytes=0)
    assert opened.build().wait(60)
    if used is not None:
        for path in (opened._store.folder).iterdir():
            os.utime(path, (used, used))
    return opened


def names(stores):
    return [each.head.files[0] for each in stores]


def test_every_store_says_what_it_holds(tmp_path, stores):
    build(tmp_path, stores, "a.parquet", used=1000)
    build(tmp_path, stores, "b.parquet", used=2000)

    b, a = stores

    assert (a.head.files, a.head.columns, a.rows, a.head.rows, a.used) == (("a.parquet",), ("text",), 1000, 1000, 1000)
    assert 100_000 < a.size < 150_000
    assert a.name != b.name
    assert damaged_rows(a) == 0


def test_opening_one_makes_it_the_one_used_last(tmp_path, stores):
    build(tmp_path, stores, "a.parquet", used=1000)
    build(tmp_path, stores, "b.parquet", used=2000)

    assert StoredRows.open(SourceFiles(tmp_path, ["a.parquet"]), stores)[0]

    assert names(stores) == ["a.parquet", "b.parquet"]


def test_those_used_least_recently_go_first(tmp_path, stores):
    for used, name in enumerate("abc"):
        build(tmp_path, stores, name, used=1000 + used)
    size = sum(each.size for each in stores)

    limited = Stores(stores.folder, size)
    room = limited.make_room(100_000, next(iter(stores)).folder)

    assert room == 100_000
    assert names(stores) == ["c", "b"]


def test_one_that_finds_no_room_keeps_what_it_has(tmp_path, caplog):
    stores = Stores(tmp_path / "rows", 60_000)
    rows = build(tmp_path, stores, "a.parquet")

    [stored] = stores
    assert 0 < stored.rows < 1000
    assert stored.size <= 60_000
    assert "has no more room" in caplog.text
    assert [row["text"] for row in rows] == [f"a.parquet {n:0100}" for n in range(1000)]


def test_damage_is_counted_by_the_row(tmp_path, stores):
    build(tmp_path, stores, "a.parquet")
    [stored] = stores
    [path] = stored.folder.glob(f"*{ROWS}")
    content = bytearray(path.read_bytes())
    for number in (3, 400):
        place = content.index(f"a.parquet {number:0100}".encode())
        content[place + 50] ^= 1
    path.write_bytes(content)

    assert damaged_rows(stored) == 2
    os.truncate(path, 0)
    assert damaged_rows(stored) == 1000


def test_removing_one_leaves_the_others(tmp_path, stores):
    build(tmp_path, stores, "a.parquet")
    build(tmp_path, stores, "b.parquet")
    [gone] = [each for each in stores if each.head.files == ("a.parquet",)]

    assert remove(gone.folder) == gone.size
    assert names(stores) == ["b.parquet"]
    assert not gone.folder.parent.exists()


def test_what_is_no_store_is_none(tmp_path, stores):
    build(tmp_path, stores, "a.parquet")
    [stored] = stores
    (stored.folder / HEAD).write_bytes(b"[")

    assert list(stores) == []
    assert list(Stores(tmp_path / "nothing")) == []


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


def test_the_default_is_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE", str(tmp_path / "mine"))
    assert Stores.default() == Stores(tmp_path / "mine/rows", DEFAULT_LIMIT_BYTES)
    monkeypatch.delenv("OPENENV_TASKSETS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Stores.default(5) == Stores(tmp_path / "openenv-tasksets/rows", 5)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE_LIMIT", "2 GiB")
    assert Stores.default() == Stores(Path.home() / ".cache/openenv-tasksets/rows", 2 << 30)


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
