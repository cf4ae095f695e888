"""Row groups that are written to a store: whole and seen at once, or as if they had never been begun."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.store import INDEX, ROWS, RowStore
from openenv_tasksets.loaders.store_writer import StoreBusy, StoreWriter

SIZES = [30, 30, 10]


@pytest.fixture
def rows(tmp_path):
    table = pa.table({"n": range(70), "text": [f"row {n}" * (n % 9) for n in range(70)]})
    pq.write_table(table, tmp_path / "0.parquet", row_group_size=30)
    return ParquetRows.open(tmp_path, ["0.parquet"])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


def pieces(rows, group):
    return (piece.pack() for piece in rows.groups[group].pieces(rows.form))


def written(store, rows, group):
    return [rows.form.unpacker.unpack(store.row(group, place)) for place in range(SIZES[group])]


def expected(rows, group):
    return [rows[index] for index in range(30 * group, 30 * group + SIZES[group])]


def test_a_row_group_is_there_once_it_is_written_in_this_store_and_in_others(rows, folder):
    store = RowStore(folder, SIZES)
    with StoreWriter(store) as writer:
        assert 2 not in store
        writer.write(2, pieces(rows, 2))
        assert written(store, rows, 2) == expected(rows, 2)
        writer.write(0, pieces(rows, 0))

    other = RowStore(folder, SIZES)
    assert (0 in other, 1 in other, 2 in other) == (True, False, True)
    assert written(other, rows, 0) == expected(rows, 0)
    assert written(other, rows, 2) == expected(rows, 2)


def test_only_its_user_may_look_at_what_is_written(rows, folder):
    with StoreWriter(RowStore(folder, SIZES)) as writer:
        writer.write(0, pieces(rows, 0))

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("after", [0, 1])
def test_a_row_group_that_fails_leaves_nothing_behind(rows, folder, after):
    """A full disk, or a file that is damaged in the middle of a row group."""

    def failing():
        for number, piece in enumerate(pieces(rows, 1)):
            if number == after:
                break
            yield piece
        raise OSError(errno.ENOSPC, "No space left on device")

    store = RowStore(folder, SIZES)
    with StoreWriter(store) as writer:
        writer.write(0, pieces(rows, 0))
        size = writer.size
        with pytest.raises(OSError, match="No space left"):
            writer.write(1, failing())
        assert 1 not in store
        assert writer.size == size
        assert [path.stat().st_size for path in folder.glob(f"*{ROWS}")] == [size], "the room is given back"
        writer.write(2, pieces(rows, 2))

    other = RowStore(folder, SIZES)
    assert (0 in other, 1 in other, 2 in other) == (True, False, True)
    assert written(other, rows, 0) == expected(rows, 0)
    assert written(other, rows, 2) == expected(rows, 2)


def test_who_wrote_nothing_leaves_no_files(folder):
    with StoreWriter(RowStore(folder, SIZES)):
        pass

    assert not [path for path in folder.iterdir() if path.suffix in (ROWS, INDEX)]


def test_a_second_process_is_told_that_the_store_is_busy(folder):
    def locked(descriptor):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    with pytest.raises(StoreBusy):
        StoreWriter(RowStore(folder, SIZES), lock=locked)
    assert not open_files_in(folder)


def open_files_in(folder):
    """Of this process, as far as the system tells."""
    found = []
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):  # closed meanwhile, by another thread
            found.append(descriptor.readlink())
    return [path for path in found if path.is_relative_to(folder.resolve())]


def test_one_process_at_a_time_holds_the_lock(rows, folder):
    with StoreWriter(RowStore(folder, SIZES)), pytest.raises(StoreBusy):
        StoreWriter(RowStore(folder, SIZES))
    with StoreWriter(RowStore(folder, SIZES)) as writer:
        writer.write(1, pieces(rows, 1))


def test_what_is_cut_behind_a_writer_is_not_read(rows, folder):
    store = RowStore(folder, SIZES)
    with StoreWriter(store) as writer:
        writer.write(0, pieces(rows, 0))
        [path] = folder.glob(f"*{ROWS}")
        os.truncate(path, 100)

    assert store.run(0, 0, 30) is None
    assert 0 not in RowStore(folder, SIZES)


KILLED = """
import os, pathlib, signal, sys
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.store import RowStore
from openenv_tasksets.loaders.store_writer import StoreWriter

folder, whole = pathlib.Path(sys.argv[1]), int(sys.argv[2])
rows = ParquetRows.open(folder.parent, ["0.parquet"])
writer = StoreWriter(RowStore(folder, [30, 30, 10]))

def pieces(group):
    yield from (piece.pack() for piece in rows.groups[group].pieces(rows.form))
    if group == whole:
        os.kill(os.getpid(), signal.SIGKILL)

for group in range(3):
    writer.write(group, pieces(group))
"""


def test_what_was_begun_and_killed_is_removed_by_a_later_writer_and_what_is_whole_stays(rows, folder):
    """However often a builder is killed, the disk does not fill up with parts that nobody can read."""
    for whole in (0, 1, 0, 0):
        assert subprocess.run([sys.executable, "-c", KILLED, folder, str(whole)]).returncode == -signal.SIGKILL
        assert list(folder.glob(f"*{ROWS}"))
        for path in folder.glob("*.*"):
            os.utime(path, (0, 0))
    with StoreWriter(RowStore(folder, SIZES)) as writer, StoreWriter(RowStore(folder, SIZES), lock=None) as beside:
        writer.write(1, pieces(rows, 1))
        beside.write(2, pieces(rows, 2))

    assert len(list(folder.glob(f"*{ROWS}"))) == len(list(folder.glob(f"*{INDEX}"))) == 3
    other = RowStore(folder, SIZES)
    assert [written(other, rows, group) for group in range(3)] == [expected(rows, group) for group in range(3)]


@pytest.mark.parametrize("age_s", [0, 3600])
def test_what_a_writer_without_the_lock_has_begun_is_not_removed_by_the_next_with_it(rows, folder, age_s):
    """The one that holds the lock may end before those that write beside it, however long ago these began."""
    store = RowStore(folder, SIZES)
    with StoreWriter(store, lock=None) as beside:
        for index in folder.glob(f"*{INDEX}"):
            os.utime(index, (time.time() - age_s,) * 2)
        with StoreWriter(RowStore(folder, SIZES)) as writer:
            writer.write(0, pieces(rows, 0))
        beside.write(1, pieces(rows, 1))

    other = RowStore(folder, SIZES)
    assert [written(other, rows, group) for group in range(2)] == [expected(rows, group) for group in range(2)]
