"""JSON values compare by what they mean."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.json_text import comparable, last_fenced, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2.0],"a":1}'),
        ("1", "1.0"),
        ("100", "1e2"),
        ("0.1", "0.10"),
        ("-0", "0"),
        ('"\\u00e9"', '"é"'),
        (" null\n", "null"),
        ("1e999999", "10e999998"),
        ("9" * 5_000, "9" * 5_000 + ".0"),
    ],
)
def test_texts_of_one_value_are_equal(one, other):
    assert read_json(one) == read_json(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("true", "1"),
        ("false", "0"),
        ("[true]", "[1]"),
        ("true", "false"),
        ("null", "false"),
        ('"1"', "1"),
        ("[1, 2]", "[2, 1]"),
        ('{"a": null}', "{}"),
        ("0.1", "0.1000000000000000055"),
        ("9007199254740993", "9007199254740992"),
        ("{}", "[]"),
    ],
)
def test_texts_of_two_values_differ(one, other):
    assert read_json(one) != read_json(other)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        "NaN",
        "[-Infinity]",
        '{"a": 1, "a": 1}',
        '{"x": {"a": 1, "b": 2, "a": 1}}',
        "[" * 101 + "]" * 101,
        "[" * 500_000,
        '{"a":' * 200_000,
        "1e99999999999999999999999",
        "1 2",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r".+"):
        read_json(text)


def test_a_hundred_levels_are_read():
    assert read_json("[" * 100 + "]" * 100) == read_json(" [" * 100 + " ]" * 100)


@pytest.mark.parametrize("value", [float("nan"), Decimal("Infinity"), b"x", date(2024, 1, 1), {1: 2}, [[object()]]])
def test_values_without_a_json_form_are_refused(value):
    with pytest.raises(ValueError, match="not a JSON value"):
        comparable(value)


def test_endless_values_are_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested too deep"):
        comparable(endless)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("Here:\n```json\n[1]\n```\nDone.", "[1]\n"),
        ("```\n[1]\n```", "\n[1]\n"),
        ("``` [1]```", " [1]"),
        ("```json\n[1]\n``` then ```json\n[2]\n```", "[2]\n"),
        ("```json\n[1]", None),
        ("[1]", None),
        ("", None),
    ],
)
def test_the_last_fenced_block(text, content):
    assert last_fenced(text) == content


@given(VALUES)
def test_a_value_equals_its_own_text(value):
    assert read_json(json.dumps(value)) == comparable(value)


@given(VALUES, VALUES)
def test_values_are_equal_only_if_their_texts_are(one, other):
    def text(value):
        return json.dumps(value, sort_keys=True)

    def as_floats(value):
        return text(json.loads(json.dumps(value), parse_int=float))

    if comparable(one) == comparable(other):
        assert as_floats(one) == as_floats(other) or 0 in (one, other)
    else:
        assert text(one) != text(other)
