"""Packed rows come back as ``to_pylist`` gives them, whatever Arrow can hold."""

import datetime
import decimal
import subprocess
import sys

import pyarrow as pa
import pytest
from arrow_batches import batches
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.row_form import RowForm
from openenv_tasksets.loaders.row_pack import MOST_TYPES, fixed_types


def unpacked(batch):
    form = RowForm(batch.schema.types)
    return [form.unpacker.unpack(row.as_buffer()) for row in form.packer.pack(batch)]


@given(batches(), st.integers(0, 8), st.integers(0, 8))
@settings(max_examples=300, deadline=None)
def test_rows_come_back_as_pyarrow_gives_them(batch, start, count):
    """Values, types, time zones, signs of zero: also of a slice, whose buffers begin before it."""
    part = batch.slice(start, count)

    assert list(map(repr, unpacked(part))) == list(map(repr, part.to_pylist()))


def test_numbers_that_are_none_and_none_come_back():
    batch = pa.RecordBatch.from_pydict({"x": [float("nan"), float("inf"), -float("inf"), -0.0, None, 5e-324]})

    assert list(map(repr, unpacked(batch))) == list(map(repr, batch.to_pylist()))


def test_what_has_no_packed_form_of_its_own_comes_back_too():
    ids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef", None], pa.binary(16)))
    batch = pa.RecordBatch.from_pydict(
        {
            "id": ids,
            "ids": pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), ids),
            "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None]),
            "nothing": pa.array([{}, None], pa.struct([])),
        }
    )

    assert unpacked(batch) == batch.to_pylist()


@pytest.mark.parametrize("view", [pa.list_view, pa.large_list_view])
def test_lists_in_any_order_of_their_items_come_back(view):
    """As many as fill a buffer to its end: Arrow's cast to a plain list gives one offset too few."""
    plain = pa.array([[1, None], [], None, [2]] * 77, view(pa.int64()))
    offsets, sizes = pa.array([3, 0, 1], pa.int32()), pa.array([1, 2, 2], pa.int32())
    is_null = pa.array([False, True, False])
    mixed = pa.ListViewArray.from_arrays(offsets, sizes, pa.array([10, 11, 12, 13]), mask=is_null)

    for array in (plain, plain.slice(1, 5), mixed):
        batch = pa.RecordBatch.from_arrays([array], ["x"])
        assert unpacked(batch) == batch.to_pylist()


def test_more_types_than_there_are_codes_come_back():
    types = [pa.decimal128(precision, scale) for precision in range(10, 30) for scale in range(8)]
    assert len(types) > MOST_TYPES == len(fixed_types(types))
    batch = pa.RecordBatch.from_arrays(
        [pa.array([decimal.Decimal(1), None], kind) for kind in types], list(map(str, range(len(types))))
    )

    assert unpacked(batch) == batch.to_pylist()


@pytest.mark.parametrize("rows", [0, 3])
def test_rows_without_columns_are_empty(rows):
    batch = pa.record_batch([pa.nulls(rows)], ["x"]).select([])

    assert unpacked(batch) == [{}] * rows


def test_a_date_that_python_cannot_hold_is_an_error_of_its_row_alone():
    batch = pa.RecordBatch.from_pydict({"day": pa.array([0, 2_000_000_000], pa.int32()).cast(pa.date32())})
    form = RowForm(batch.schema.types)
    good, bad = (row.as_buffer() for row in form.packer.pack(batch))

    assert form.unpacker.unpack(good) == {"day": datetime.date(1970, 1, 1)}
    with pytest.raises((ValueError, OverflowError)):
        form.unpacker.unpack(bad)


def test_packing_text_and_numbers_does_not_load_pandas():
    """It takes half a second, which the first row would wait for."""
    program = """
import sys, pyarrow as pa
from openenv_tasksets.loaders.row_form import RowForm
text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes(8)), pa.py_buffer(b"")])
batch = pa.RecordBatch.from_arrays([text], ["a"])
form = RowForm(batch.schema.types)
assert form.unpacker.unpack(form.packer.pack(batch)[0].as_buffer()) == {"a": ""}
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
