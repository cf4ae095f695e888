"""Rows with a store before the files: the same rows, however the store came to be, or ceased to be whole."""

import os
import stat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stored_files import COUNT, built, opened, rows_of, spoil_files, table, write_files

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.rows import ColumnBlocks, ValueRange
from openenv_tasksets.loaders.store import ENTRY, INDEX, ROWS, records
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores


@pytest.fixture
def root(tmp_path):
    write_files(tmp_path)
    return tmp_path


@pytest.fixture
def expected(root):
    return rows_of(root)


def only_file(root, ending):
    [path] = (root / "cache").glob(f"rows/*/*/*{ending}")
    return path


def test_rows_of_a_store_are_those_of_the_files(root, expected):
    built(root)
    spoil_files(root)

    rows = opened(root)

    assert len(rows) == COUNT
    assert rows.columns == tuple(expected[0])
    assert list(map(repr, rows)) == list(map(repr, expected))
    indices = [*range(5, 40), 3, 3, 2, 59, 0, *range(20, 10, -1)]
    assert rows.read_many(indices) == [expected[index] for index in indices]
    assert all(rows.is_hot(index) for index in range(COUNT))
    for index in (-1, COUNT):
        with pytest.raises(IndexError, match=rf"row {index} is not in \[0, 60\)"):
            rows[index]
        with pytest.raises(IndexError):
            rows.read_many([index])


@pytest.mark.parametrize("entry", [1, 31, 32, 33, 64, 100])
def test_a_walk_gives_the_right_rows_where_the_store_is_wrong_about_where_one_ends(tmp_path, entry):
    rows = [{"n": n, "text": "x" * (n % 7)} for n in range(100)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "0.parquet")

    def open_rows():
        return StoredRows.open(SourceFiles(tmp_path, ["0.parquet"]), Stores(tmp_path / "cache/rows"), small_bytes=0)

    assert open_rows().build().wait(60)
    path = only_file(tmp_path, ROWS)
    content = bytearray(path.read_bytes())
    [(_, _, table_at, _)] = records(only_file(tmp_path, INDEX).read_bytes())
    content[table_at + ENTRY.size * entry] ^= 4
    path.write_bytes(content)

    assert list(open_rows()) == rows
    assert open_rows().read_many(range(100)) == rows
    assert [open_rows()[index] for index in range(entry - 1, min(entry + 2, 100))] == rows[entry - 1 : entry + 2]


def test_places_blocks_and_errors_are_those_of_the_files(root):
    stored, parquet = built(root), ParquetRows.open(root, ["0.parquet", "1.parquet"])
    again = opened(root)

    for rows in (stored, again):
        assert [rows.location(n) for n in range(COUNT)] == [parquet.location(n) for n in range(COUNT)]
        assert list(rows.block_starts) == list(parquet.block_starts)
        assert rows.fingerprint == parquet.fingerprint
        assert list(rows.column("n")) == list(range(COUNT))
        assert isinstance(rows, ColumnBlocks)
        assert rows.column_ranges("n") == parquet.column_ranges("n")
        assert rows.column_ranges("n")[1] == ValueRange(7, 13, 0)
        assert rows.column_block("n", 1).to_pylist() == list(range(7, 14))
        with pytest.raises(SourceError, match="no column 'm'. There are: 'id', 'n'"):
            rows.project(["m"])


def test_each_choice_of_columns_has_a_store_of_those_alone(root, expected):
    rows = opened(root).project(["n", "id"])
    assert rows.build().wait(60)
    assert b"user" not in only_file(root, ROWS).read_bytes()
    spoil_files(root)

    assert list(opened(root).project(["n", "id"]))[7] == {"n": 7, "id": "task-7"}
    with pytest.raises(SourceError):
        opened(root).project(["id"])[0]


def test_a_store_is_begun_behind_the_reads_once_there_are_some(root, expected):
    rows = opened(root, build_after_rows=5)
    for index in range(4):
        assert rows[index] == expected[index]
    assert not (root / "cache").exists()

    rows.read_many(range(4, 8))

    assert rows.build().wait(60)
    assert [rows.is_hot(index) for index in range(COUNT)] == [True] * COUNT


def test_what_fits_into_memory_gets_no_store(root):
    rows = opened(root, small_bytes=1 << 20)

    assert rows.build() is None
    assert len(list(rows)) == COUNT
    assert not (root / "cache").exists()


def test_a_limit_of_zero_makes_none(root):
    rows = opened(root, Stores(root / "cache/rows", 0))

    assert len(list(rows)) == COUNT
    assert not (root / "cache").exists()


def test_nobody_else_can_look_into_it(root):
    built(root)

    for path in (root / "cache").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_files_that_were_written_to_are_other_files(root):
    rows = built(root)
    pq.write_table(table(100, 130), root / "0.parquet", row_group_size=7)

    assert opened(root)[0]["id"] == "task-100"
    # What was opened before is what it was, as long as it comes from the store.
    assert rows[0]["id"] == "task-0"
    with pytest.raises(SourceChanged):
        rows.parquet[0]


def test_a_value_that_python_cannot_hold_is_the_same_error(root):
    days = pa.array([0, 2_000_000_000] * 10, pa.int32()).cast(pa.date32())
    for number in range(2):
        pq.write_table(pa.table({"day": days}), root / f"{number}.parquet")
    rows = built(root)

    assert rows[2]["day"].year == 1970
    for read in (lambda: rows[21], lambda: rows.read_many(range(20, 23))):
        with pytest.raises(SourceError, match=r"1.parquet, row 1: column 'day' holds a value that Python cannot"):
            read()


def test_a_folder_that_cannot_be_is_said_once_too(root, expected, caplog):
    (root / "cache").write_text("a file in the place of the folder")
    rows = opened(root)
    assert rows.build().wait(60)

    assert list(rows) == expected
    assert [rows[index] for index in range(COUNT)] == expected
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be written: [Errno 20] Not a directory" in caplog.text


class TestDamage:
    """Half of a store is never read as whole."""

    @pytest.mark.parametrize("ending", [ROWS, INDEX])
    @pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
    def test_a_file_that_was_cut(self, root, expected, ending, part):
        built(root)
        path = only_file(root, ending)
        os.truncate(path, int(path.stat().st_size * part))

        assert list(opened(root)) == expected

    @pytest.mark.parametrize("ending", [ROWS, INDEX])
    def test_what_was_cut_away_is_built_again(self, root, expected, ending):
        built(root)
        path = only_file(root, ending)
        os.truncate(path, path.stat().st_size // 3)
        built(root)
        spoil_files(root)

        assert list(opened(root)) == expected

    def test_a_file_that_is_cut_while_it_is_read(self, root, expected):
        rows = built(root)
        assert rows[0] == expected[0]
        os.truncate(only_file(root, ROWS), 10)

        assert list(rows) == expected
        assert rows.read_many(range(COUNT)) == expected

    def test_any_byte_that_was_changed(self, root, expected, caplog):
        built(root)
        path = only_file(root, ROWS)
        content = path.read_bytes()
        for place in range(0, len(content), 97):
            changed = bytearray(content)
            changed[place] ^= 0x40
            path.write_bytes(changed)
            rows = opened(root)
            assert list(rows) == expected
            assert rows.read_many(range(COUNT)) == expected
        assert "is damaged" in caplog.text

    def test_a_head_that_is_none(self, root, expected):
        built(root)
        only_file(root, "store.json").write_bytes(b"{}")
        next((root / "cache").glob("rows/*/layout.json")).write_bytes(b"[]")

        assert list(opened(root)) == expected

    def test_one_that_is_removed_while_it_is_read_stays_readable(self, root, expected):
        rows = built(root)
        first = rows[0]
        spoil_files(root)
        for path in (root / "cache").glob("rows/*/*/*"):
            path.unlink()

        assert [first, *(rows[index] for index in range(1, COUNT))] == expected
