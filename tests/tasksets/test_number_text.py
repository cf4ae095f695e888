# ruff: noqa: RUF001
"""The last number of a text is read exactly, however it is written."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.number_text import exact_number, last_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("72", "72"),
        ("The answer is 42.", "42"),
        ("5 + 3 = 8", "8"),
        ("#### 1,234", "1234"),
        ("1,234,567.5", "1234567.5"),
        ("1,00,000", "100000"),
        ("1_000", "1000"),
        (r"1{,}234", "1234"),
        (r"10,\!000", "10000"),
        (r"10\,000", "10000"),
        ("(1, 2, 3)", "3"),
        ("1,2,3", "3"),
        ("-1,2", "2"),
        ("-5", "-5"),
        ("+5", "5"),
        ("−5", "-5"),
        ("–5", "-5"),
        ("x=-5", "-5"),
        ("(-5)", "-5"),
        ("5-10", "10"),
        ("$5-$10", "10"),
        ("GPT-4", "4"),
        ("- 42", "42"),
        ("the total – 42", "42"),
        ("$5", "5"),
        ("-$5", "-5"),
        (r"-\$5.50", "-5.5"),
        ("$-5$", "-5"),
        ("€1,000", "1000"),
        ("$.50", "0.5"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("No.5", "5"),
        ("50%", "50"),
        (r"50\%", "50"),
        ("5km", "5"),
        ("the 5th", "5"),
        ("1.5e3", "1500"),
        ("1.5E+03", "1500"),
        ("1e-3", "0.001"),
        ("1e5kg", "100000"),
        ("1.5 × 10^3", "1500"),
        ("1.5 x 10^3", "1500"),
        ("1.5*10^3", "1500"),
        (r"1.5 \times 10^{3}", "1500"),
        (r"1.5 \cdot 10^{-3}", "0.0015"),
        ("1.5 × 10³", "1500"),
        ("10⁻³", "0.001"),
        ("2^10", "1024"),
        ("2^{10}", "1024"),
        ("3/4", "3/4"),
        ("3 / 4", "3/4"),
        ("-3/4", "-3/4"),
        ("1,000/3", "1000/3"),
        ("2 1/2", "5/2"),
        ("-2 1/2", "-5/2"),
        ("½", "1/2"),
        ("2½", "5/2"),
        (r"\frac{3}{4}", "3/4"),
        (r"\dfrac34", "3/4"),
        (r"-\frac{1}{2}", "-1/2"),
        (r"\frac{-1}{2}", "-1/2"),
        (r"2\frac{1}{2}", "5/2"),
        (r"x\frac{1}{2}", "1/2"),
        (r"\text{42 km}", "42"),
        (r"\mathbf{-7}", "-7"),
        ("**42**", "42"),
        ("__42__", "42"),
        ("42 (CO2)", "42"),
        ("25 cm^2", "25"),
        ("25 cm²", "25"),
        ("25 s^{-1}", "25"),
        ("7 = x_2", "7"),
        ("7 = x_{2}", "7"),
        (r"\boxed{42} since 6 times 7", "42"),
        (r"\boxed{x=5}", "5"),
        ("٤٢", "42"),
        ("４２", "42"),
        ("४२", "42"),
        ("42." + " and so on" * 50_000, "42"),
        ("9" * 4_000, "9" * 4_000),
    ],
)
def test_the_last_number(text, number):
    assert last_number(text) == Fraction(number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "none",
        "forty-two",
        "x1",
        "CO2",
        "1/0",
        "0^-1",
        r"\boxed{x} 5",
        "1e4001",
        "1e999999999",
        "10^99999",
        "9" * 4_001,
    ],
    ids=lambda text: text[:20],
)
def test_where_there_is_no_number_to_be_read(text):
    assert last_number(text) is None


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        "9",
        "1,",
        "1,000",
        "1 ",
        " ",
        "a^{",
        r"\frac{1",
        r"\text{",
        r"\boxed{",
        "{",
        "1/",
        "-1",
        "1e",
        "½",
        "1.",
        "_1",
        "٤,",
    ],
)
def test_a_million_characters_of_anything_are_read_at_once(unit):
    for text in (unit * (2**20 // len(unit)), "1" + unit * (2**20 // len(unit)) + ",00"):
        assert isinstance(last_number(text), Fraction | None)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (42, "42"),
        (-0.1, "-1/10"),
        (1e22, "10000000000000000000000"),
        (Decimal("0.30"), "3/10"),
        ("#### 1,234", "1234"),
        (10**3999, str(10**3999)),
    ],
)
def test_numbers_are_taken_as_they_were_written(value, number):
    assert exact_number(value) == Fraction(number)


@pytest.mark.parametrize(
    "value",
    [True, None, [], "none", float("nan"), float("inf"), Decimal("NaN"), Decimal("1e9999999"), 10**4000, b"1"],
    ids=lambda value: str(type(value)),
)
def test_what_is_no_finite_number_is_none(value):
    assert exact_number(value) is None


@given(
    st.integers(),
    st.sampled_from(["{:,}", "{:_}", "{}", "${:,}", "the answer is {:,}.", r"\boxed{{{:,}}}", "{:,} apples"]),
)
def test_integers_are_read_exactly_in_every_layout(value, layout):
    text = layout.format(value).replace("$-", "-$")
    assert last_number(text) == value


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6), st.sampled_from(["{:,}", "{:f}", "{:e}", "#### {:,}"])
)
def test_decimals_are_read_exactly_in_every_layout(value, layout):
    assert last_number(layout.format(value)) == Fraction(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_mean_the_decimal_that_python_prints(value):
    assert exact_number(value) == Fraction(repr(value)) == last_number(repr(value))


@given(st.integers(), st.integers(min_value=1))
def test_fractions_are_read_exactly(above, below):
    assert last_number(f"{above}/{below}") == last_number(rf"\frac{{{above}}}{{{below}}}") == Fraction(above, below)
