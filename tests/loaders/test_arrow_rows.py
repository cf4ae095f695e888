"""Rows as Arrow tables: what comes back from Parquet is equal and of the same types, or nothing is written."""

import datetime as dt
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.arrow_rows import BATCH_ROWS, ArrowRows, is_same
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.load import open_rows
from openenv_tasksets.loaders.rows import ListRows

RICH = [
    {
        "text": "ünï\n\0",
        "whole": -(2**63),
        "unsigned": 2**64 - 1,
        "real": float("nan"),
        "flag": True,
        "bytes": b"\xff\0",
        "date": dt.date(1, 1, 1),
        "moment": dt.datetime(2026, 1, 2, 3, 4, 5, 678901),
        "zoned": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "time": dt.time(1, 2, 3, 4),
        "span": dt.timedelta(days=-1, microseconds=3),
        "decimal": Decimal("123456789012345678901234567890.125"),
        "numbers": [1, None, 3],
        "nested": {"a": [{"b": {"c": [["x"], []]}}], "d": None},
        "never": None,
        "empty": [],
    },
    {
        "text": None,
        "whole": None,
        "unsigned": None,
        "real": -0.0,
        "flag": None,
        "bytes": b"",
        "date": None,
        "moment": None,
        "zoned": None,
        "time": None,
        "span": None,
        "decimal": None,
        "numbers": [],
        "nested": {"a": []},
        "never": None,
        "empty": [],
    },
]


def written(rows, **options):
    arrow = ArrowRows.of(rows, **options)
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, arrow.schema) as writer:
        for table in arrow.tables():
            writer.write_table(table)
    return pq.read_table(pa.BufferReader(sink.getvalue()))


def test_values_of_every_type_come_back_equal_and_of_the_same_type():
    back = written(ListRows(RICH)).to_pylist()
    assert len(back) == 2
    for row, other in zip(RICH, back, strict=True):
        assert row.keys() == other.keys()
        for name in row:
            assert is_same(row[name], other[name]), name


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000)
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.fixed_dictionaries({"x": VALUES}), min_size=1, max_size=4), st.booleans())
def test_whatever_is_accepted_comes_back_as_it_was(rows, keep_nulls):
    try:
        back = written(ListRows(rows), keep_nulls=keep_nulls).to_pylist()
    except SourceError:
        return
    assert len(back) == len(rows)
    assert all(is_same(row["x"], other["x"], keep_nulls=keep_nulls) for row, other in zip(rows, back, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1, max_size=5))
def test_integers_of_64_bits_are_always_accepted(values):
    assert written(ListRows([{"x": value} for value in values])).column("x").to_pylist() == values


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1, 1.5], "row 0: column 'x': a value of type int would come back from Parquet's double as another"),
        ([1, "a"], "row 0 and those after it: column 'x' holds values of several types"),
        ([dt.time(0), -6.3e16], "row 0 and those after it: column 'x': not every value is time64[us]"),
        ([2**70], "column 'x' holds integers beyond 64 bits; store them as text"),
        ([-1, 2**63], "column 'x' holds integers beyond 64 bits"),
        ([(1, 2)], "a value of type tuple would come back"),
        ([{}], "column 'x' holds objects without any field"),
        ([[{}]], "column 'x' holds objects without any field"),
        ([dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)], "a value of type datetime would come back"),
        ([b"x", "y"], "a value of type str would come back"),
    ],
)
def test_what_would_not_come_back_is_refused_with_the_place_and_without_the_value(values, reason):
    with pytest.raises(SourceError) as caught:
        written(ListRows([{"x": value} for value in values]))
    assert reason in caught.value.message
    assert "rows in memory, row" in caught.value.message


def test_types_that_differ_far_apart_are_found_before_anything_is_written():
    rows = [{"x": 1}] * BATCH_ROWS + [{"x": "one"}]
    with pytest.raises(SourceError, match="column 'x' holds int64 in some rows and string in others; make the values"):
        ArrowRows.of(ListRows(rows))
    rows[-1] = {"x": 0.5}
    with pytest.raises(SourceError, match="row 0: column 'x': a value of type int would come back"):
        written(ListRows(rows))
    rows[-1] = {"x": 2**64 - 1}
    assert written(ListRows(rows)).column("x").to_pylist() == [row["x"] for row in rows]


def test_fields_that_are_missing_are_null_unless_nulls_are_kept():
    rows = ListRows([{"x": {"a": 1}}, {"x": {"b": 2}}])
    assert written(rows).to_pylist() == [{"x": {"a": 1, "b": None}}, {"x": {"a": None, "b": 2}}]
    with pytest.raises(SourceError, match="a value of type dict would come back"):
        written(rows, keep_nulls=True)


def test_json_lines_keep_the_types_that_the_json_has(tmp_path):
    rows = [{"a": "2020-01-01", "b": 10**15, "c": [{"d": 1.0}]}, {"a": "42", "c": []}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert written(open_rows(tmp_path, ["t.jsonl"])).to_pylist() == [rows[0], {**rows[1], "b": None}]


class TestParquet:
    @pytest.fixture
    def source(self, tmp_path):
        """Two files with types that Python values alone would not give again."""
        schema = pa.schema(
            [
                ("id", pa.int16()),
                ("at", pa.timestamp("ns", "Europe/Berlin")),
                ("kind", pa.dictionary(pa.int8(), pa.string())),
                ("vector", pa.list_(pa.float32(), 2)),
                ("map", pa.map_(pa.string(), pa.int32())),
            ],
            metadata={"huggingface": "{}"},
        )
        for number in range(2):
            rows = [
                {"id": i, "at": 1_000_000_007 * i, "kind": "ab"[i % 2], "vector": [i, 0.5], "map": [("k", i)]}
                for i in range(number * 600, number * 600 + 600)
            ]
            pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / f"{number}.parquet", row_group_size=250)
        return open_rows(tmp_path, ["0.parquet", "1.parquet"])

    def test_types_and_metadata_stay_to_the_letter(self, source, tmp_path):
        back = written(source)
        assert back.schema.equals(pq.read_schema(tmp_path / "0.parquet"), check_metadata=True)
        assert back.equals(pq.read_table([tmp_path / "0.parquet", tmp_path / "1.parquet"]))

    def test_some_of_the_rows_in_another_order_keep_them_too(self, source, tmp_path):
        picks = [900, 3, 3, 1199]
        back = written(source, picks=picks)
        assert back.schema.equals(pq.read_schema(tmp_path / "0.parquet"))
        assert back.to_pylist() == [source[place] for place in picks]

    def test_files_whose_types_differ_in_width_are_written_with_the_wider_one(self, tmp_path):
        pq.write_table(pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), tmp_path / "0.parquet")
        pq.write_table(pa.table({"b": ["y"], "a": pa.array([2**40])}), tmp_path / "1.parquet")
        back = written(open_rows(tmp_path, ["0.parquet", "1.parquet"]))
        assert back.schema.field("a").type == pa.int64()
        assert back.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2**40, "b": "y"}]


def test_rows_without_columns_are_refused_and_no_rows_are_fine():
    with pytest.raises(SourceError, match="rows without any column"):
        ArrowRows.of(ListRows([{}]))
    assert written(ListRows([])).num_rows == 0


def test_equal_means_one_type_at_every_depth():
    assert not is_same(1, 1.0)
    assert not is_same(True, 1)
    assert not is_same([1], [1.0])
    assert not is_same({"a": 1}, {"a": True})
    assert not is_same([1], [1, 2])
    zone = dt.timezone(dt.timedelta(hours=1))
    assert not is_same(dt.datetime(2020, 1, 1, 1, tzinfo=zone), dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    assert is_same({"a": None}, {})
    assert not is_same({"a": None}, {}, keep_nulls=True)
