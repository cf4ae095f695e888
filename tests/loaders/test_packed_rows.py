"""Packed rows: any run of them unpacks to the same rows, also from an array that begins and ends within its buffers."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.packed_rows import PackedRows, content
from openenv_tasksets.loaders.parquet import ParquetRows

ROWS = [{"n": n, "text": "x" * (n % 5)} for n in range(40)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    root = tmp_path_factory.mktemp("rows")
    pq.write_table(pa.Table.from_pylist(ROWS), root / "0.parquet")
    return ParquetRows.open(root, ["0.parquet"])


@pytest.fixture(scope="module")
def packed(rows):
    return rows.gather(np.arange(40), fetch=True).rows


def test_any_run_unpacks_to_the_rows_in_order(rows, packed):
    made = PackedRows(packed, rows.form.unpacker)
    assert len(made) == 40
    for start, stop in ((0, 40), (7, 12), (39, 40), (5, 5)):
        assert made.unpack(start, stop) == ROWS[start:stop]
    assert made.size_bytes == sum(len(each.as_py()) for each in packed)


def test_a_part_of_an_array_is_that_part(rows, packed):
    made = PackedRows(packed.slice(10, 5), rows.form.unpacker)
    assert (len(made), made.unpack(0, 5)) == (5, ROWS[10:15])
    assert made.size_bytes == sum(len(each.as_py()) for each in packed.slice(10, 5))


def test_the_content_of_an_array_is_its_bytes_and_where_they_end():
    data, ends = content(pa.array([b"ab", b"", b"cde"], pa.binary()))
    assert (bytes(data[:5]), list(ends)) == (b"abcde", [0, 2, 2, 5])
    data, ends = content(pa.array([b"ab", b"", b"cde"], pa.binary()).slice(2))
    assert bytes(data[ends[0] : ends[1]]) == b"cde"
