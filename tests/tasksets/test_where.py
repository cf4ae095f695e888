"""Declarative filters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.where import Where


@pytest.mark.parametrize(
    ("filters", "passes", "fails"),
    [
        ({"level": 3}, [3, 3.0], [2, None, "3"]),
        ({"level": {"==": None}}, [None], [0, ""]),
        ({"level": {"!=": 3}}, [2, None, "3"], [3]),
        ({"level": {"<": 3}}, [2, -1], [3, 4, None]),
        ({"level": {"<=": 3}}, [2, 3], [4, None]),
        ({"level": {">": 3}}, [4], [3, None]),
        ({"level": {">=": 3, "<": 5}}, [3, 4], [2, 5, None]),
        ({"level": [1, 2]}, [1, 2], [3, None]),
        ({"level": {"in": (1, None)}}, [1, None], [2]),
        ({"level": {"a", "b"}}, ["a"], ["c"]),
        ({"level": []}, [], [1, None]),
    ],
)
def test_a_condition_passes_and_fails(filters: dict[str, Any], passes: list[Any], fails: list[Any]) -> None:
    where = Where.parse(filters)
    for value in passes:
        assert where.holds({"level": value})
    for value in fails:
        assert not where.holds({"level": value})


def test_all_conditions_must_hold() -> None:
    where = Where.parse({"level": {">=": 2}, "topic": "algebra"})
    assert where.columns == ("level", "topic")
    assert where.holds({"level": 2, "topic": "algebra"})
    assert not where.holds({"level": 1, "topic": "algebra"})
    assert not where.holds({"level": 2, "topic": "geometry"})


def test_filters_that_mean_the_same_have_one_identity() -> None:
    one = Where.parse({"topic": ["b", "a"], "level": {"<": 5, ">=": 2}})
    two = Where.parse({"level": {">=": 2, "<": 5}, "topic": {"in": ("a", "b")}})
    assert one.identity == two.identity


@given(st.lists(st.integers() | st.text() | st.none(), min_size=1), st.randoms())
def test_the_order_of_a_set_and_repeats_in_it_do_not_matter(values: list[Any], random: Any) -> None:
    shuffled = [*values, random.choice(values)]
    random.shuffle(shuffled)
    assert Where.parse({"x": values}).identity == Where.parse({"x": shuffled}).identity


def test_different_filters_have_different_identities() -> None:
    filters: list[dict[str, Any]] = [
        {"x": 1},
        {"x": "1"},
        {"y": 1},
        {"x": [1]},
        {"x": {"!=": 1}},
        {"x": True},
        {"x": None},
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": 2**70},
        {"x": "\ud800"},
        {"x": b"1"},
    ]
    assert len({Where.parse(each).identity for each in filters}) == len(filters)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({}, "at least one condition"),
        ({"x": {"~": 1}}, "unknown comparison '~' for column 'x'; allowed: ==, !=, <, <=, >, >=, in"),
        ({"x": {"in": "abc"}}, "'in' for column 'x' takes a list of values, not 'abc'"),
    ],
)
def test_a_malformed_filter_is_refused(filters: dict[str, Any], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        Where.parse(filters)


def test_values_that_do_not_compare_are_an_error_not_a_silent_no() -> None:
    with pytest.raises(SelectionError, match=r"cannot compare column 'level' \(str\) >= 3 \(int\)"):
        Where.parse({"level": {">=": 3}}).holds({"level": "hard"})
