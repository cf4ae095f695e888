"""Parquet files for random access: small row groups, several files, bounded memory, the same bytes every time."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.parquet_writer import GROUP_BYTES, GROUP_ROWS, described, write_parquet


def table(count, start=0, width=10):
    return pa.table(
        {"id": list(range(start, start + count)), "text": [f"{n:0{width}d}" for n in range(start, start + count)]}
    )


def groups(path):
    footer = pq.read_metadata(path)
    return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]


def test_row_groups_have_a_thousand_rows_however_the_tables_come(tmp_path):
    tables = [table(250, start) for start in range(0, 2500, 250)]
    [file] = write_parquet(tmp_path, tables[0].schema, iter(tables))
    assert groups(file.path) == [GROUP_ROWS, GROUP_ROWS, 500]
    assert file.rows == 2500
    assert pq.read_table(file.path).equals(pa.concat_tables(tables))


def test_rows_that_are_large_make_groups_of_fewer(tmp_path):
    rows = table(40, width=GROUP_BYTES // 4)
    [file] = write_parquet(tmp_path, rows.schema, [rows])
    assert max(groups(file.path)) <= 4
    assert sum(groups(file.path)) == 40


def test_a_row_larger_than_a_group_stands_alone(tmp_path):
    rows = table(3, width=GROUP_BYTES * 2)
    [file] = write_parquet(tmp_path, rows.schema, [rows])
    assert groups(file.path) == [1, 1, 1]


def test_a_file_that_has_grown_is_followed_by_another(tmp_path):
    tables = [pa.table({"x": [os.urandom(1000) for _ in range(1000)]}) for _ in range(5)]
    files = write_parquet(tmp_path, tables[0].schema, tables, file_bytes=2_000_000)
    assert [file.path.name for file in files] == ["00000.parquet", "00001.parquet", "00002.parquet"]
    assert [file.rows for file in files] == [2000, 2000, 1000]
    assert all(2_000_000 <= file.value_bytes < 2_100_000 for file in files[:2])
    assert pq.read_table([file.path for file in files]).equals(pa.concat_tables(tables))


@pytest.mark.parametrize("tables", [[], [table(0)]])
def test_no_rows_are_one_file_without_rows(tmp_path, tables):
    [file] = write_parquet(tmp_path, table(0).schema, tables)
    assert file.rows == 0
    assert pq.read_table(file.path).schema == table(0).schema


def test_there_is_a_page_index_and_the_same_rows_give_the_same_bytes(tmp_path):
    for name, step in (("one", 100), ("two", 100)):
        (tmp_path / name).mkdir()
        tables = [table(step, start) for start in range(0, 3000, step)]
        write_parquet(tmp_path / name, tables[0].schema, tables)
    one, two = (tmp_path / name / "00000.parquet" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    column = pq.read_metadata(one).row_group(0).column(0)
    assert column.has_offset_index
    assert column.has_column_index
    assert column.compression == "ZSTD"


def test_a_column_that_gains_a_value_keeps_the_pages_behind_it(tmp_path):
    """Pages are cut by content: all but a few of the bytes are those of the file before."""
    texts = [os.urandom(3000).hex() for _ in range(900)]
    sizes = {}
    for name, values in (("before", texts), ("after", ["new", *texts])):
        (tmp_path / name).mkdir()
        rows = pa.table({"x": values})
        [file] = write_parquet(tmp_path / name, rows.schema, [rows])
        sizes[name] = file.path.read_bytes()
    tail = sizes["before"][len(sizes["before"]) // 2 :][:100_000]
    assert tail in sizes["after"]


def test_a_file_says_what_is_in_it(tmp_path):
    pq.write_table(table(10), tmp_path / "x.parquet", row_group_size=3)
    found = described(tmp_path / "x.parquet")
    assert (found.rows, found.value_bytes > 0) == (10, True)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path):
    """One table and one row group at a time: 400 MB of values are written in far less."""
    code = """
import os, resource, sys
from pathlib import Path
import pyarrow as pa
from openenv_tasksets.loaders.parquet_writer import write_parquet
def tables():
    for _ in range(400):
        yield pa.table({"x": [os.urandom(4000) for _ in range(250)]})
schema = pa.schema([("x", pa.binary())])
write_parquet(Path(sys.argv[1]), schema, (next(tables()) for _ in range(4)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
os.mkdir(sys.argv[1] + "/all")
write_parquet(Path(sys.argv[1] + "/all"), schema, tables())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(out.stdout) < 100_000
