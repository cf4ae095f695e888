"""Packed rows come back as ``to_pylist`` gives them, whatever Arrow can hold."""

import datetime
import decimal
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.row_form import RowForm
from openenv_tasksets.loaders.row_pack import MOST_TYPES, fixed_types

FROM, TO = datetime.datetime(1970, 1, 2), datetime.datetime(2037, 1, 1)
NUMBERS = [
    (getattr(pa, f"{sign}int{bits}")(), st.integers(low * 2 ** (bits - 1), (2 + low) * 2 ** (bits - 1) - 1))
    for sign, low in (("", -1), ("u", 0))
    for bits in (8, 16, 32, 64)
]
DECIMALS = [
    (kind, st.integers(-(10**digits), 10**digits).map(lambda n: decimal.Decimal(n).scaleb(-2)))
    for kind, digits in ((pa.decimal128(38, 2), 30), (pa.decimal256(76, 2), 27))
]
UNITS = ["s", "ms", "us", "ns"]
TIMES = [(pa.timestamp(unit, zone), st.datetimes(FROM, TO)) for unit in UNITS for zone in (None, "UTC")]
LEAVES = [
    *NUMBERS,
    *DECIMALS,
    *TIMES,
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.float32(), st.floats(width=32, allow_nan=False)),
    (pa.float16(), st.floats(width=16, allow_nan=False)),
    (pa.bool_(), st.booleans()),
    (pa.null(), st.none()),
    (pa.string(), st.text(max_size=5)),
    (pa.large_string(), st.text(max_size=5)),
    (pa.string_view(), st.text(max_size=20)),
    (pa.binary(), st.binary(max_size=5)),
    (pa.large_binary(), st.binary(max_size=5)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["easy", "hard"])),
    (pa.date32(), st.dates()),
    (pa.date64(), st.dates()),
    (pa.time32("ms"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us", "Asia/Kathmandu"), st.datetimes(FROM, TO)),
    (pa.duration("us"), st.timedeltas(datetime.timedelta(-9999), datetime.timedelta(9999))),
]


def nullable(pair):
    return pair[0], st.none() | pair[1]


def nest(inner):
    lists = st.tuples(inner, st.sampled_from([pa.list_, pa.large_list, lambda kind: pa.list_(kind, 2)])).map(
        lambda each: (
            each[1](each[0][0]),
            st.none() | st.lists(each[0][1], min_size=2, max_size=2),
        )
    )
    maps = inner.map(
        lambda pair: (
            pa.map_(pa.string(), pair[0]),
            st.none()
            | st.lists(st.tuples(st.sampled_from("abc"), pair[1]), max_size=3, unique_by=lambda item: item[0]),
        )
    )
    structs = st.lists(inner, max_size=3).map(
        lambda pairs: (
            pa.struct([(f"f{place}", pair[0]) for place, pair in enumerate(pairs)]),
            st.none() | st.fixed_dictionaries({f"f{place}": pair[1] for place, pair in enumerate(pairs)}),
        )
    )
    return lists | maps | structs


TYPES = st.recursive(st.sampled_from(LEAVES).map(nullable), nest, max_leaves=4)


@st.composite
def batches(draw):
    rows = draw(st.integers(0, 8))
    arrays = {}
    for name in draw(st.lists(st.sampled_from(["a", "b", "ä ö", ""]), max_size=3, unique=True)):
        kind, values = draw(TYPES)
        arrays[name] = pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), kind)
    return pa.RecordBatch.from_pydict(arrays)


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
