"""Parts joined row by row; lists whose items begin and end alike are joined the shorter way, to the same bytes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.column_writer import binary, constant, joined, numbers
from openenv_tasksets.loaders.json_pack import JsonPacker

ROWS = 3
COLUMNS = st.lists(st.binary(max_size=3), min_size=ROWS, max_size=ROWS)


@given(st.lists(st.binary(max_size=3) | COLUMNS, min_size=1, max_size=6))
def test_parts_are_joined_row_by_row(parts):
    whole = joined([part if isinstance(part, bytes) else pa.array(part, pa.binary()) for part in parts])

    expected = [b"".join(part if isinstance(part, bytes) else part[row] for part in parts) for row in range(ROWS)]
    if isinstance(whole, bytes):
        assert {whole} == set(expected)
    else:
        assert whole.to_pylist() == expected


def test_bytes_become_values_of_arrow():
    assert constant(b"abc").as_py() == b"abc"
    assert binary(np.array([0, 1, 1, 3], np.int32), np.frombuffer(b"abc", np.uint8)).to_pylist() == [b"a", b"", b"bc"]


def test_numbers_are_those_of_a_slice():
    assert numbers(pa.array([1, 2, 3, 4], pa.int64())[1:3], np.int64, 2).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("lists", "text"),
    [
        ([["a", "b"], ["c"]], ['["a","b"]', '["c"]']),
        ([["a", "b"], []], ['["a","b"]', "[]"]),
        ([["a"], None], ['["a"]', "null"]),
        ([[None], ["a"]], ["[null]", '["a"]']),
        ([[], []], ["[]", "[]"]),
        ([[None, None], [None]], ["[null,null]", "[null]"]),
    ],
)
def test_lists_are_the_same_whether_one_of_them_is_empty_or_not(lists, text):
    array = pa.array(lists, pa.list_(pa.string()))

    rows = JsonPacker().pack(pa.RecordBatch.from_arrays([array], ["x"]))

    assert rows.to_pylist() == [b'{"x":%s}\n' % each.encode() for each in text]
