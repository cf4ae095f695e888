import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.yaml_scalar import PlainScalar, checked_number, core_value, values_of
from openenv_tasksets.yaml_tree import read_tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("0123", 123),
        ("0o17", 15),
        ("0xfF", 255),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5e-3", -0.0015),
        ("1e3", 1000.0),
    ],
)
def test_the_core_schema_is_read(text, value):
    assert core_value(text) == value
    assert type(core_value(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "yes",
        "n",
        "1_000",
        "0b1",
        "1:30",
        "2001-01-01",
        "nULL",
        "tRUE",
        "0x",
        "e3",
        ".",
        "+",
        "-0x1",
        "1 2",
        "\u0661",
    ],
)
def test_all_else_is_text(text):
    assert core_value(text) == text


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan", ".NaN"])
def test_numbers_that_json_lacks_are_refused(text):
    with pytest.raises(ValueError, match="JSON can hold; quote it"):
        core_value(text)


@pytest.mark.parametrize("text", ["1e999", "-1e400", "9" * 399, "0x" + "f" * 398])
def test_numbers_beyond_floats_are_refused(text):
    with pytest.raises(ValueError, match="beyond what JSON can hold"):
        core_value(text)


def test_a_number_of_many_digits_is_refused_without_reading_it():
    with pytest.raises(ValueError, match="a number of 200000 characters"):
        core_value("1" * 200_000)


@given(st.integers(-(2**1023), 2**1023) | st.floats(allow_nan=False, allow_infinity=False))
def test_checked_numbers_are_themselves(number):
    assert checked_number(number) is number


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 2**1024, -(2**1024)])
def test_numbers_without_a_json_form_are_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        checked_number(number)


def test_plain_scalars_stay_text_but_for_null():
    values = values_of(read_tree(b"{a: 0123, b: on, c: ~, d: '~', e: [null, x], f: }", "x"))
    assert values == {"a": "0123", "b": "on", "c": None, "d": "~", "e": [None, "x"], "f": None}
    assert isinstance(values["a"], PlainScalar)
    assert type(values["d"]) is str
