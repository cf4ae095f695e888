"""Other values: of the same type and shape, recognisable, or malformed; the same in every process."""

import datetime
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.audit.variation import canary, differing, malformed, needles, same_shape

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(LEAVES, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3))


def shape(value):
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return type(value)


@given(VALUES)
def test_another_value_has_the_same_type_and_shape_and_is_always_the_same(value):
    for change in (canary, lambda value, key: same_shape(value, key, {})):
        other = change(value, "key")
        assert shape(other) == shape(value)
        assert repr(other) == repr(change(value, "key"))
        json.dumps(other)


@given(st.text(alphabet="abcXYZ0189 ,.-", min_size=1).filter(lambda text: any(map(str.isalnum, text))))
def test_another_text_differs_where_letters_and_digits_are_and_only_there(text):
    other = same_shape(text, "key", {})
    assert len(other) == len(text)
    for mine, theirs in zip(text, other, strict=True):
        assert (mine != theirs) == mine.isalnum()
        assert (mine.isdigit(), mine.islower(), mine.isupper()) == (
            theirs.isdigit(),
            theirs.islower(),
            theirs.isupper(),
        )


@given(st.booleans() | st.integers() | st.decimals(-1000, 1000, places=2))
def test_another_number_or_boolean_is_never_the_same(value):
    assert same_shape(value, "key", {}) != value


@pytest.mark.parametrize(
    ("value", "visible", "allowed"),
    [
        ("Rome", {"choices": ["Oslo", "Rome", "Kiew"]}, ["Oslo", "Kiew"]),
        (2, {"choices": ["Oslo", "Rome", "Kiew"]}, [0, 1]),
        ("C", {"choices": ["Oslo", "Rome", "Kiew"]}, ["A", "B"]),
        ("a", {"choices": ["Oslo", "Rome", "Kiew"]}, ["b", "c"]),
        (True, {"choices": [True, False]}, [False]),
        ([0, 2], {"choices": ["Oslo", "Rome", "Kiew"]}, [[1, 0]]),
    ],
)
def test_a_choice_becomes_another_choice(value, visible, allowed):
    assert same_shape(value, "key", visible) in allowed


@pytest.mark.parametrize(
    "value", [b"\x00bytes", datetime.date(2024, 2, 29), datetime.datetime(2024, 1, 1), Decimal("1.5")]
)
def test_values_that_json_does_not_know_change_too(value):
    other = same_shape(value, "key", {})
    assert type(other) is type(value)
    assert other != value


def test_a_canary_is_found_by_its_needles_and_differs_by_key():
    value = {"answer": "36", "steps": ["a word", 7, 1.5], "flag": True, "nothing": None}
    words = list(needles(canary(value, "one")))
    assert len(words) == 4
    assert all(len(word) >= 8 for word in words)
    assert not set(words) & set(needles(canary(value, "two")))
    assert words[0].isdigit()
    assert next(needles(canary([True, None, b""], "one"))).startswith("canary")


@pytest.mark.parametrize("value", ["text", ["a"], 3, 1.5, True, None, {"a": 1}, b"x"])
def test_a_malformed_value_has_another_type_and_is_recognisable(value):
    other = malformed(value, "key")
    assert not isinstance(other, type(value)) or value is None
    assert [word[:6] for word in needles(other)] == ["canary"]


def test_values_of_another_type_differ():
    before = {"a": 1, "b": [1, 2], "c": "x", "d": {"e": 0}}
    assert differing(before, {"a": True, "b": [1, 2], "c": "x", "d": {"e": 0.0}, "f": 1}) == ["a", "d"]
