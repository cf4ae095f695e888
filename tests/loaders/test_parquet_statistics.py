"""What is known of a row group's values from its footer, against the values themselves."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.rows import ColumnBlocks, ValueRange

KINDS = {
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "int8": (pa.int8(), st.integers(-128, 127)),
    "double": (pa.float64(), st.floats()),
    "float": (pa.float32(), st.floats(width=32)),
    "text": (pa.string(), st.text(max_size=200)),
    "large text": (pa.large_string(), st.text(max_size=5)),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), st.text(max_size=5)),
}


def open_column(folder: Path, array: pa.Array, group_size: int, name: str = "value") -> ParquetRows:
    pq.write_table(pa.table({name: array, "other": [0] * len(array)}), folder / "a.parquet", row_group_size=group_size)
    return ParquetRows.open(folder, ["a.parquet"])


@settings(max_examples=40, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)), group_size=st.integers(1, 7))
def test_every_value_is_within_its_bounds(data: Any, kind: str, group_size: int, tmp_path_factory: Any) -> None:
    arrow, values = KINDS[kind]
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=20))
    rows = open_column(tmp_path_factory.mktemp("statistics"), pa.array(drawn, arrow), group_size)
    assert isinstance(rows, ColumnBlocks)
    ranges = rows.column_ranges("value")
    assert len(ranges) == len(rows.block_starts)
    for block, known in enumerate(ranges):
        there = drawn[block * group_size :][:group_size]
        # As text, NaN is equal to itself.
        assert str(rows.column_block("value", block).to_pylist()) == str(there)
        if known is None:
            continue
        assert known.nulls == there.count(None)
        for value in there:
            if value is not None and not (isinstance(value, float) and math.isnan(value)):
                assert known.low <= value <= known.high


def test_bounds_are_known_of_plain_columns(tmp_path: Path) -> None:
    rows = open_column(tmp_path, pa.array([3, 1, None, 9, 7]), 3)
    assert rows.column_ranges("value") == [ValueRange(1, 3, 1), ValueRange(7, 9, 0)]
    assert rows.project(["value"]).column_ranges("value") == rows.column_ranges("value")


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, 2], pa.uint64()),
        pa.array([1, 2], pa.date32()),
        pa.array([b"a", b"b"]),
        pa.array([True, False]),
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([None, None]),
    ],
    ids=str,
)
def test_other_columns_say_nothing(tmp_path: Path, array: pa.Array) -> None:
    assert open_column(tmp_path, array, 2).column_ranges("value") == [None]


def test_a_column_is_not_taken_for_a_field_of_the_same_path(tmp_path: Path) -> None:
    table = pa.table({"a.b": [100, 200], "a": [{"b": 1}, {"b": 2}]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert ParquetRows.open(tmp_path, ["a.parquet"]).column_ranges("a.b") == [None]
    pq.write_table(table.select(["a.b"]), tmp_path / "b.parquet")
    assert ParquetRows.open(tmp_path, ["b.parquet"]).column_ranges("a.b") == [ValueRange(100, 200, 0)]


def test_a_file_without_statistics_says_nothing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"value": [1, 2]}), tmp_path / "a.parquet", write_statistics=False)
    assert ParquetRows.open(tmp_path, ["a.parquet"]).column_ranges("value") == [None]
