"""JSON made from Arrow is that of msgspec for what ``to_pylist`` gives, byte for byte, whatever Arrow can hold."""

import decimal
import subprocess
import sys

import msgspec
import pyarrow as pa
import pytest
from arrow_batches import batches
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.json_pack import NO_FORM, JsonPacker


def written(batch):
    return [line.as_py() for line in JsonPacker().pack(batch)]


def expected(batch):
    return list(map(encoded, batch.to_pylist()))


def encoded(row):
    try:
        return msgspec.json.encode(row) + b"\n"
    except TypeError:  # Nanoseconds are a type of pandas' own.
        return NO_FORM + b"\n"


@given(batches(), st.integers(0, 8), st.integers(0, 8))
@settings(max_examples=300, deadline=None)
def test_rows_are_written_as_msgspec_writes_them(batch, start, count):
    """Also those of a slice, whose buffers begin before it."""
    part = batch.slice(start, count)

    assert written(part) == expected(part)


@given(
    st.lists(
        st.none()
        | st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs"]) | st.sampled_from('"\\\n\t\0\x7f😀')),
        max_size=6,
    )
)
def test_text_of_any_kind_is_escaped_as_msgspec_does_it(texts):
    batch = pa.RecordBatch.from_pydict({"a": pa.array(texts, pa.string()), 'quote "\\\n': pa.array(texts, pa.string())})

    assert written(batch) == expected(batch)


@given(st.lists(st.none() | st.floats() | st.floats(width=16), max_size=6))
def test_every_float_is_written_as_msgspec_writes_it(values):
    """What is none (NaN, infinity) is null."""
    batch = pa.RecordBatch.from_pydict(
        {
            "a": pa.array(values, pa.float64()),
            "b": pa.array([[value] for value in values], pa.list_(pa.float32())),
        }
    )

    assert written(batch) == expected(batch)


def test_lists_of_structs_of_maps_of_lists_are_written():
    batch = pa.RecordBatch.from_pydict(
        {
            "turns": pa.array([[{"role": "user", "text": 'a "b"'}, {"role": None, "text": ""}], [], None, [None]]),
            "full": pa.array([["a", "b"], ["c"], [""], ["\n"]]),
            "maps": pa.array(
                [[("a", [1, None])], [], None, [("b", None), ("c", [])]], pa.map_(pa.string(), pa.list_(pa.int8()))
            ),
        }
    )

    assert written(batch) == expected(batch)


def test_what_is_written_value_by_value_is_the_same():
    ids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef", None], pa.binary(16)))
    batch = pa.RecordBatch.from_pydict(
        {
            "id": ids,
            "ids": pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), ids),
            "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None]),
            "nothing": pa.array([{}, None], pa.struct([])),
            "price": pa.array([decimal.Decimal("1E+5"), None], pa.decimal128(10, 2)),
        }
    )

    assert written(batch) == expected(batch)


@pytest.mark.parametrize("rows", [0, 3])
def test_rows_without_columns_are_empty(rows):
    batch = pa.record_batch([pa.nulls(rows)], ["x"]).select([])

    assert written(batch) == [b"{}\n"] * rows


def test_a_value_that_python_or_json_cannot_hold_is_said_in_the_line_of_its_row_alone():
    days = pa.array([0, 2_000_000_000, 1], pa.int32()).cast(pa.date32())
    broken = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"b", b"\xff"]).buffers())
    dates = pa.RecordBatch.from_pydict({"day": days})

    assert written(dates) == [b'{"day":"1970-01-01"}\n', NO_FORM + b"\n", b'{"day":"1970-01-02"}\n']
    assert written(pa.RecordBatch.from_pydict({"text": broken})) == [
        b'{"text":"a"}\n',
        b'{"text":"b"}\n',
        NO_FORM + b"\n",
    ]


def test_writing_does_not_load_pandas():
    """It takes half a second, which the first row would wait for."""
    program = """
import sys, pyarrow as pa
from openenv_tasksets.loaders.json_pack import JsonPacker
text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes(8)), pa.py_buffer(b"")])
batch = pa.RecordBatch.from_arrays([text], ["a"])
assert JsonPacker().pack(batch)[0].as_py() == b'{"a":""}\\n'
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
