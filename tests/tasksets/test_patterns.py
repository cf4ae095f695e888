"""Patterns match in bounded time and say what their first or last match says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.patterns import compile_pattern

GSM8K = "#### (.+)$"
FAMOUS_STALLS = [
    r"(a+)+b",
    r"(a|aa)+$b",
    r"(a*)*b",
    r"(.*a){20}b",
    r"(a|b)*a(a|b){200}c",
    r"a(.*z)?",
    r"",
    r"a*?",
]


@pytest.mark.parametrize(
    ("pattern", "text", "first", "last"),
    [
        (GSM8K, "She sold 72.\n#### 72", "72", "72"),
        (GSM8K, "#### 1\n#### 2", "2", "2"),
        (r"(?m)#### (.+)$", "#### 1\n#### 2\nDone.", "1", "2"),
        (r"\d+", "3 then 42", "3", "42"),
        (r"(\w+)=(\w+)", "a=1 b=2", "a", "b"),
        (r"A: (\d+)|B: (\d+)", "B: 5", "5", "5"),
        (r"a(b)?", "a", None, None),
        (r"x", "y", None, None),
        (r"()", "y", "", ""),
        (r"é(.)", "éà éü", "à", "ü"),
        (r"(.)$", "a😀", "😀", "😀"),
    ],
)
def test_extracts_the_first_group_that_took_part_or_the_whole_match(pattern, text, first, last):
    compiled = compile_pattern(pattern)
    assert compiled.extract(text) == first
    assert compiled.extract_last(text) == last


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\r\n"])
def test_dollar_stands_before_trailing_line_breaks(ending):
    text = f"#### 72{ending}"
    assert compile_pattern(GSM8K).extract(text) == "72"
    assert compile_pattern(GSM8K).extract_last(text) == "72"
    assert compile_pattern("72$").search(text)
    assert compile_pattern("#### 72").fullmatch(text)


def test_dollar_is_not_the_end_of_an_inner_line_unless_asked():
    assert compile_pattern(GSM8K).extract("#### 72\nBye.") is None
    assert compile_pattern("(?m)" + GSM8K).extract("#### 72\nBye.") == "72"


def test_search_looks_anywhere_and_fullmatch_at_all_of_it():
    pattern = compile_pattern("b+")
    assert pattern.search("abbc")
    assert not pattern.search("ac")
    assert pattern.fullmatch("bb")
    assert not pattern.fullmatch("abb")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing ): ("),
        ("*a", "no argument for repetition operator: *"),
        ("(?=a)b", "invalid perl operator: (?="),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("(a{1000}){1000}", "invalid repetition size: {1000}"),
        ("x" * 300_000, "pattern too large"),
    ],
)
def test_a_bad_pattern_is_an_error_with_the_reason(pattern, reason, capfd):
    with pytest.raises(ValueError, match="lookaround and backreferences are not supported") as caught:
        compile_pattern(pattern)
    assert reason in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_pattern_that_is_not_text_is_an_error():
    with pytest.raises(ValueError, match="lone surrogate"):
        compile_pattern("\ud800")


def test_lone_surrogates_in_a_text_are_matched_as_some_character():
    assert compile_pattern("a(.)b").extract("a\ud800b") == "?"
    assert compile_pattern("a").search("\udfff a")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("pattern", FAMOUS_STALLS)
@pytest.mark.parametrize("text", ["a" * 40, "a" * 40_000, "ab" * 500_000, "a" * 1_000_000], ids=lambda t: str(len(t)))
def test_no_pattern_stalls(pattern, text):
    compiled = compile_pattern(pattern)
    assert compiled.search(text) in (True, False)
    assert compiled.fullmatch(text) in (True, False)
    compiled.extract(text)
    compiled.extract_last(text)


def test_a_text_too_long_for_a_large_pattern_does_not_match():
    pattern = compile_pattern("(?:[ab]{500})?c")
    assert 50_000 < pattern.max_chars < 2**20
    assert pattern.search("c" * pattern.max_chars)
    assert not pattern.search("c" * (pattern.max_chars + 1))
    assert compile_pattern(r"-?\d+(?:\.\d+)?").max_chars > 2**20


def test_the_last_of_very_many_matches_is_still_found():
    numbers = " ".join(map(str, range(150_000)))
    assert compile_pattern(r"\d+").extract_last(numbers) == "149999"
    assert compile_pattern(r"\d+").extract_last(numbers + " end" * 50_000).isdigit()


def test_the_same_text_gives_the_same_object_with_a_plain_repr():
    assert compile_pattern("a+") is compile_pattern("a+")
    assert repr(compile_pattern("a+")) == "Pattern('a+')"


@given(st.text(alphabet="ab1 \n", max_size=60), st.sampled_from([r"\d", r"a(b?)", r"[ab]+", r"(?m)^a.*$"]))
def test_first_and_last_are_those_of_following_the_matches_in_turn(text, pattern):
    import re

    found = [m.group(1) if m.re.groups else m.group() for m in re.finditer(pattern, text.rstrip("\r\n"))]
    compiled = compile_pattern(pattern)
    assert compiled.extract(text) == (found[0] if found else None)
    assert compiled.extract_last(text) == (found[-1] if found else None)
    assert compiled.search(text) == bool(found)


@given(st.text(), st.text(alphabet=st.characters(codec=None), max_size=50))
def test_any_text_is_a_pattern_or_a_value_error(pattern, text):
    try:
        compiled = compile_pattern(pattern)
    except ValueError:
        return
    compiled.extract(text)
    compiled.extract_last(text)
