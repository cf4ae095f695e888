"""All row stores of a user: what is there, what goes first, and what is damaged."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.store import HEAD, ROWS
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


def test_others_go_where_the_disk_has_too_little_room_as_where_the_limit_has(tmp_path, stores):
    for used, name in enumerate("ab"):
        build(tmp_path, stores, name, used=1000 + used)

    unlimited = Stores(stores.folder, 2**63)
    room = unlimited.make_room(2**62, next(iter(stores)).folder)

    assert 0 <= room < 2**62
    assert names(stores) == ["b"]


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


REMOVED = """
import os, pathlib, sys
from openenv_tasksets.loaders.stores import Stores, remove

left = int(sys.argv[2])

def die_in_time(event, arguments):
    global left
    if event in ("os.remove", "os.rmdir"):
        left -= 1
        if left < 0:
            os._exit(9)

[stored] = Stores(pathlib.Path(sys.argv[1]))
sys.addaudithook(die_in_time)
remove(stored.folder)
"""


def test_one_whose_removal_was_killed_is_listed_until_it_takes_no_room(tmp_path, stores):
    for steps in range(20):
        build(tmp_path, stores, f"{steps}.parquet")
        status = subprocess.run([sys.executable, "-c", REMOVED, stores.folder, str(steps)]).returncode
        if not status:
            break
        taken = sum(path.stat().st_size for path in stores.folder.rglob(f"*{ROWS}"))
        assert not taken or [each.size > taken for each in stores] == [True]
        for stored in stores:
            remove(stored.folder)
    assert steps > 3
    assert not list(stores.folder.rglob(f"*{ROWS}"))


def test_what_is_no_store_is_none(tmp_path, stores):
    build(tmp_path, stores, "a.parquet")
    [stored] = stores
    (stored.folder / HEAD).write_bytes(b"[")

    assert list(stores) == []
    assert list(Stores(tmp_path / "nothing")) == []


def test_the_default_is_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE", str(tmp_path / "mine"))
    assert Stores.default() == Stores(tmp_path / "mine/rows", DEFAULT_LIMIT_BYTES)
    monkeypatch.delenv("OPENENV_TASKSETS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Stores.default(5) == Stores(tmp_path / "openenv-tasksets/rows", 5)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE_LIMIT", "2 GiB")
    assert Stores.default() == Stores(Path.home() / ".cache/openenv-tasksets/rows", 2 << 30)
