"""Packed rows back to Python, one or many at once."""

import pyarrow as pa
import pytest

from openenv_tasksets.loaders.row_form import RowForm
from openenv_tasksets.loaders.row_unpack import bad_column

TABLE = pa.table(
    {
        "n": [1, None, 3],
        "day": pa.array([0, 10**7, 1], pa.date32()),
        "pairs": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    }
)


@pytest.fixture(scope="module")
def form():
    return RowForm(TABLE.schema.types)


def packed(form, table):
    [batch] = table.to_batches()
    return [row.as_py() for row in form.packer.pack(batch)]


def test_many_rows_are_those_unpacked_one_by_one(form):
    rows = packed(form, TABLE.take([0, 2, 0]))
    expected = TABLE.take([0, 2, 0]).to_pylist()
    assert [form.unpacker.unpack(row) for row in rows] == expected
    assert form.unpacker.unpack_many(b"".join(rows), 3) == expected
    assert form.unpacker.unpack_many(memoryview(rows[1]), 1) == expected[1:2]
    assert form.unpacker.unpack_many(b"", 0) == []


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_rows_than_there_are_is_an_error(form, count):
    rows = packed(form, TABLE.take([0, 2]))
    with pytest.raises(Exception, match=r"trailing|truncated|end"):
        form.unpacker.unpack_many(b"".join(rows), count)


def test_the_column_that_python_cannot_hold_is_found(form):
    good, bad, _ = packed(form, TABLE)
    assert bad_column(form.unpacker, bad) == "day"
    assert bad_column(form.unpacker, good) is None
    assert bad_column(form.unpacker, good[:-1]) is None
