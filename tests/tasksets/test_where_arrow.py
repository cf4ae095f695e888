"""Arrow's answer is Python's, or there is none."""

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.loaders.rows import ValueRange
from openenv_tasksets.where import Condition, Where
from openenv_tasksets.where_arrow import excludes, holds

small = st.integers(-3, 3)
edges = st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**64])
floats = st.floats() | st.sampled_from([0.0, -0.0, 0.1, 0.5, math.nan, math.inf, 2.0**53, 9007199254740994.0])
words = st.sampled_from(["", "a", "b", "ab", "é", "z", "😀", "\uffff", "\x00"])
operands = st.none() | st.booleans() | small | edges | floats | words | st.just("\ud800")

COLUMNS = {
    pa.int64(): small | edges.filter(lambda value: -(2**63) <= value < 2**63),
    pa.int8(): small,
    pa.uint64(): st.integers(0, 3) | st.sampled_from([2**64 - 1, 2**63]),
    pa.float64(): floats,
    pa.float32(): st.floats(width=32) | st.sampled_from([0.0, -0.0, 0.5, math.nan]),
    pa.bool_(): st.booleans(),
    pa.string(): words,
    pa.large_string(): words,
    pa.dictionary(pa.int32(), pa.string()): words,
    pa.date32(): st.dates(),
    pa.binary(): st.binary(max_size=2),
    pa.list_(pa.int64()): st.lists(small, max_size=2),
}


@st.composite
def conditions(draw: Any) -> Condition:
    comparison = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in"]))
    operand = draw(st.lists(operands, max_size=4) if comparison == "in" else operands)
    return Where.parse({"x": {comparison: operand}}).conditions[0]


def by_python(values: pa.ChunkedArray, condition: Condition) -> list[bool] | None:
    try:
        return [condition.holds(value) for value in values.to_pylist()]
    except SelectionError:
        return None


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(sorted(COLUMNS, key=str)), conditions())
def test_whatever_arrow_answers_python_would_have(data: Any, kind: pa.DataType, condition: Condition) -> None:
    drawn = data.draw(st.lists(st.none() | COLUMNS[kind], max_size=8))
    values = pa.chunked_array([pa.array(drawn[:3], kind), pa.array(drawn[3:], kind)])
    mask = holds(values, condition)
    if mask is not None:
        assert mask.tolist() == by_python(values, condition)


@pytest.mark.parametrize(
    ("values", "filters"),
    [
        ([1, 2, None], {"x": {">=": 2}}),
        ([1, 2, None], {"x": {"<": 2.0}}),
        ([1, 2, None], {"x": [1, None]}),
        ([0.0, -0.0, math.nan, None], {"x": [0.0, math.nan]}),
        ([0.5, 1.5], {"x": {"!=": 1}}),
        (["a", "b", None], {"x": ["b", "c"]}),
        (["a", "b", None], {"x": {"!=": "a"}}),
        ([True, False, None], {"x": True}),
        ([1, None], {"x": None}),
        ([1, None], {"x": {"!=": None}}),
        ([1, 2], {"x": []}),
    ],
)
def test_arrow_does_answer_for_everyday_filters(values: list[Any], filters: dict[str, Any]) -> None:
    [condition] = Where.parse(filters).conditions
    array = pa.chunked_array([pa.array(values)])
    mask = holds(array, condition)
    assert mask is not None
    assert mask.tolist() == by_python(array, condition)


blocks = st.sampled_from([small, floats, words]).flatmap(lambda each: st.lists(st.none() | each, min_size=1))


@settings(max_examples=400, deadline=None)
@given(blocks, conditions())
@example([math.nan, 1.0], Condition("x", "!=", 1.0))
@example([None, 1], Condition("x", "!=", 1))
def test_a_block_is_ruled_out_only_where_no_value_passes(there: list[Any], condition: Condition) -> None:
    known = [value for value in there if value is not None and value == value]
    if not known:
        return
    bounds = ValueRange(min(known), max(known), there.count(None))
    if excludes(bounds, condition):
        assert not any(condition.holds(value) for value in there)
    # Nulls that nobody counted may be there.
    if excludes(bounds._replace(nulls=None), condition):
        assert not any(condition.holds(value) for value in [*there, None])


@pytest.mark.parametrize(
    ("filters", "ruled_out"),
    [
        ({"x": 5}, True),
        ({"x": 20}, False),
        ({"x": [1, 5]}, True),
        ({"x": [1, 15]}, False),
        ({"x": {"<": 10}}, True),
        ({"x": {"<=": 10}}, False),
        ({"x": {">": 20}}, True),
        ({"x": {">=": 20}}, False),
        ({"x": {">": 20.5}}, True),
        ({"x": None}, True),
        ({"x": {"!=": 15}}, False),
        ({"x": "15"}, False),
        ({"x": {">": "a"}}, False),
    ],
)
def test_blocks_that_cannot_match_are_ruled_out(filters: dict[str, Any], ruled_out: bool) -> None:
    [condition] = Where.parse(filters).conditions
    assert excludes(ValueRange(10, 20, 0), condition) is ruled_out
