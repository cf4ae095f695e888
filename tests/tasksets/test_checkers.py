# ruff: noqa: RUF001
"""Every checker: right replies earn 1.0, all others 0.0, and a row's mistakes are errors without its answer in them."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.checkers import CHECKERS, MAX_REPLY_BYTES, Key, check, exact_tolerance, find_checker
from openenv_tasksets.patterns import compile_pattern

SECRET = "s3cr3t"
PLANETS = ("Mars", "Venus", "Pluto")


def reward(checker, reply, expected, extract=None, **key):
    pattern = None if extract is None else compile_pattern(extract)
    return check(find_checker(checker), Key(expected, **key), pattern)(reply)


@pytest.mark.parametrize(
    ("checker", "expected", "right", "wrong"),
    [
        ("exact", "Paris", ["Paris"], ["paris", "Paris ", "Paris.", ""]),
        ("exact", 42, ["42"], ["42.0", " 42"]),
        ("exact", 0.5, ["0.5"], [".5", "1/2"]),
        ("exact", True, ["true"], ["True", "1"]),
        ("exact", Decimal("1.50"), ["1.50"], ["1.5"]),
        ("exact", "", [""], [" "]),
        ("normalized", "Paris", ["paris", " **Paris**. ", r"so \boxed{Paris}"], ["Pariss", "It is Paris", ""]),
        ("normalized", 42, ["42", "42."], ["43"]),
        ("normalized", False, ["False", "false."], ["0"]),
        ("normalized", r"So $x = \boxed{\frac{1}{2}}$.", [r"\boxed{\dfrac12}", "1/2", r"$\frac{1}{2}$"], ["0.5", "x"]),
        ("normalized", r"\boxed{1}, no: \boxed{2}", ["2", r"\boxed{1} \boxed{2}"], ["1", r"\boxed{2} \boxed{1}"]),
        ("normalized", "?", ["?"], ["", "!"]),
        ("number", 72, ["72", "#### 72", "so 72.0 clips.", "$72", r"\boxed{72} of 80"], ["73", "-72", "72 of 80", ""]),
        ("number", "3 + 4 = <<3+4=7>>7\n#### 7", ["7", "7.", "seven is 7"], ["4", "3"]),
        ("number", "1,234", ["1234", "1,234.0"], ["1", "234"]),
        ("number", Decimal("0.1"), ["0.1", "1/10", "10^-1"], ["0.11"]),
        ("number", 0.1, ["0.1", "0.10", "1e-1"], ["0.1000000000000000055511151231257827"]),
        ("number", -3, ["-3", "−3", "-$3"], ["3", "5-3"]),
        ("regex", r"^(yes|no)$", ["yes", "no\n"], ["yes!", "maybe"]),
        ("regex", r"\bPluto\b", ["It is Pluto."], ["Plutonium"]),
        ("json", '{"a": [1], "b": null}', ['{"b":null,"a":[1.0]}', '```json\n{"a":[1],"b":null}\n```'], ["{}", "a"]),
        ("json", {"a": [1, 2.5], "b": (True, None)}, ['{"b": [true, null], "a": [1, 2.50]}'], ['{"a": [1, 2.5]}', "1"]),
        ("json", 1, ["1", "1.0", "```1```"], ["true", '"1"', "[1]", ""]),
        ("json", True, ["true"], ["1", "True"]),
        ("json", "null", ["null"], ["false", '"null"', "0"]),
        ("json", '"`a`"', ['"`a`"'], ["`a`"]),
    ],
)  # fmt: skip
def test_right_and_wrong_replies(checker, expected, right, wrong):
    assert {reply: reward(checker, reply, expected) for reply in right} == dict.fromkeys(right, 1.0)
    assert {reply: reward(checker, reply, expected) for reply in wrong} == dict.fromkeys(wrong, 0.0)


@pytest.mark.parametrize("expected", [1, "B", "b", "(B)", "Venus", " venus."])
def test_a_choice_is_expected_by_index_letter_or_text(expected):
    for reply in ("B", "(B) Venus", "venus", "1", "Answer: B"):
        assert reward("choice", reply, expected, choices=PLANETS) == 1.0
    for reply in ("A", "C", "Mars", "A or B", "2", "", "(B) Mars"):
        assert reward("choice", reply, expected, choices=PLANETS) == 0.0


def test_where_choices_are_numbers_an_integer_is_an_index_and_a_text_a_choice():
    numbers = ("2", "1", "0")
    assert reward("choice", "0", 2, choices=numbers) == 1.0
    assert reward("choice", "2", 2, choices=numbers) == 0.0
    assert reward("choice", "2", "2", choices=numbers) == 1.0
    assert reward("choice", "A", "2", choices=numbers) == 1.0


def test_a_choice_listed_twice_is_right_by_either_letter():
    for reply in ("A", "C", "x", "(C) x"):
        assert reward("choice", reply, 0, choices=("x", "y", "x")) == 1.0


@pytest.mark.parametrize(
    ("tolerance", "right", "wrong"),
    [
        (0.3, ["1.3", "0.7", "1"], ["1.30001", "0.69"]),
        (0.01, ["0.99", "1.01"], ["0.98"]),
        (Decimal("0.5"), ["1.5"], ["1.51"]),
        (1, ["2", "0"], ["2.1"]),
        (0, ["1.0"], ["1.000001"]),
    ],
)
def test_the_tolerance_is_absolute_and_exact(tolerance, right, wrong):
    assert [reward("number", reply, 1, tolerance=tolerance) for reply in right] == [1.0] * len(right)
    assert [reward("number", reply, 1, tolerance=tolerance) for reply in wrong] == [0.0] * len(wrong)


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        (-0.1, "finite and at least 0, not -0.1"),
        (float("nan"), "finite and at least 0, not nan"),
        (float("inf"), "finite and at least 0, not inf"),
        ("0.1", "must be a number, not str"),
        (True, "must be a number, not bool"),
    ],
)
def test_a_tolerance_that_is_none_is_an_error(tolerance, message):
    with pytest.raises(ValueError, match=message):
        exact_tolerance(tolerance)


@pytest.mark.parametrize(
    ("checker", "expected", "choices", "message"),
    [
        ("exact", [SECRET], None, "must be text, a finite number or a bool, not list"),
        ("exact", None, None, "must be text, a finite number or a bool, not NoneType"),
        ("exact", float("nan"), None, "must be text, a finite number or a bool, not float"),
        ("exact", date(2024, 1, 1), None, "must be text, a finite number or a bool, not date"),
        ("normalized", {SECRET: 1}, None, "checker 'json' compares lists and structs"),
        ("normalized", " ", None, "the expected answer is empty"),
        ("normalized", rf"{SECRET} \boxed{{}}", None, "the expected answer is empty"),
        ("number", SECRET.replace("3", "e"), None, "not a finite number"),
        ("number", True, None, "not a finite number"),
        ("number", None, None, "not a finite number"),
        ("number", "1e99999", None, "not a finite number"),
        ("choice", 0, None, "needs the argument 'choices'"),
        ("choice", 0, (SECRET,), "choices must be 2 to 26 texts"),
        ("choice", 3, PLANETS, "an index outside of the 3 choices, which count from 0"),
        ("choice", -1, PLANETS, "an index outside of the 3 choices"),
        ("choice", "D", PLANETS, "neither the letter nor the text of exactly one of the 3 choices"),
        ("choice", SECRET, PLANETS, "neither the letter nor the text of exactly one of the 3 choices"),
        ("choice", "1", PLANETS, "an index, counted from 0, is given as an integer"),
        ("choice", "A", ("B", "A"), "neither the letter nor the text of exactly one"),
        ("choice", True, PLANETS, "must be text, not bool"),
        ("choice", 1.0, PLANETS, "must be text, not float"),
        ("choice", None, PLANETS, "must be text, not NoneType"),
        ("regex", f"({SECRET}", None, "not a regular expression"),
        ("regex", f"(?={SECRET})", None, "without lookaround and backreferences"),
        ("regex", 42, None, "not a regular expression"),
        ("json", f'{{"{SECRET}": 1', None, "not a JSON value"),
        ("json", f'{{"{SECRET}": 1, "{SECRET}": 2}}', None, "not a JSON value"),
        ("json", "NaN", None, "not a JSON value"),
        ("json", [float("nan")], None, "not a JSON value"),
        ("json", {"when": date(2024, 1, 1)}, None, "not a JSON value"),
        ("json", None, None, "a JSON null is written as the text null"),
    ],
)
def test_a_malformed_answer_is_an_error_of_the_row_that_does_not_tell_it(checker, expected, choices, message):
    with pytest.raises(ValueError, match=message) as caught:
        check(find_checker(checker), Key(expected, choices))
    shown = [caught.value]
    while cause := shown[-1].__cause__ or (None if shown[-1].__suppress_context__ else shown[-1].__context__):
        shown.append(cause)
    assert not any(SECRET in str(error) for error in shown)


def test_the_last_match_of_extract_is_what_is_checked():
    extract = r"#### (.+)"
    assert reward("exact", "#### 1\nno:\n#### 2", "2", extract) == 1.0
    assert reward("exact", "#### 2\nno:\n#### 1", "2", extract) == 0.0
    assert reward("exact", "2", "2", extract) == 0.0
    assert reward("number", "#### 2 apples and a pear\n1", 2, extract) == 1.0


@pytest.mark.parametrize(("character", "size"), [("a", 1), ("é", 2), ("\ud800", 3)])
def test_replies_over_a_mebibyte_earn_nothing(character, size):
    longest = MAX_REPLY_BYTES // size
    assert reward("regex", character * longest, "") == 1.0
    assert reward("regex", character * (longest + 1), "") == 0.0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("length", [40, 40_000, 1_000_000])
def test_a_pattern_made_to_backtrack_does_not_stall(length):
    assert reward("regex", "a" * length, "^(a+)+b$") == 0.0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ['"', r"\frac{", "a .", "1!", "ﷺ", "$^", "^ ", "\\", "[", '{"a":', "`", "1,"])
@pytest.mark.parametrize(
    ("length", "expected"), [(MAX_REPLY_BYTES, "1"), (100_000, "x " * 10_000 + "1")], ids=["short", "long"]
)
def test_long_replies_of_anything_are_checked_at_once(unit, length, expected):
    reply = unit * (length // len(unit.encode()))
    for checker in ("exact", "normalized", "number"):
        assert reward(checker, reply, expected) in (0.0, 1.0)
    assert reward("json", reply, 0) == 0.0


def test_an_unknown_checker_is_an_error_that_lists_them():
    with pytest.raises(ValueError, match="unknown checker 'nubmer'; there are exact, normalized, number, choice"):
        find_checker("nubmer")
    with pytest.raises(ValueError, match="unknown checker"):
        find_checker(["number"])


def test_a_key_shows_nothing():
    assert repr(Key(SECRET, (SECRET,), 0.25)) == "Key()"


KEYS = {
    "exact": Key("x"),
    "normalized": Key(r"\boxed{\frac{1}{2}}"),
    "number": Key(1, tolerance=0.5),
    "choice": Key(0, ("A cat", "2", "x", r"\frac12")),
    "regex": Key(r"(\d+)+x"),
    "json": Key({"a": [1, None]}),
}
PIECES = st.sampled_from(
    [r"\boxed{", r"\frac", "answer is ", "```", '"a":', "NaN", "e9", "cat", "not", *"{}12/0-$^_,.(Ax\n[½٣ﷺ\ud800\0 "]
)


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(KEYS)),
    st.text(alphabet=st.characters(codec=None)) | st.lists(PIECES, max_size=30).map("".join),
    st.sampled_from([None, r"\d+", r"(?s)(x)?.*"]),
)
def test_any_text_is_a_reply(checker, reply, extract):
    pattern = None if extract is None else compile_pattern(extract)
    assert check(CHECKERS[checker], KEYS[checker], pattern)(reply) in (0.0, 1.0)


@given(st.text())
def test_a_text_is_its_own_exact_and_normalized_answer(text):
    assert reward("exact", text, text) == 1.0
    if any(map(str.isalnum, text)):
        assert reward("normalized", text, text) == 1.0


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_the_json_text_of_a_value_is_right_where_it_can_be_expected(value):
    for checker in ["exact", "normalized", "json", *["number"] * (not isinstance(value, bool))]:
        assert reward(checker, json.dumps(value), value) == 1.0
