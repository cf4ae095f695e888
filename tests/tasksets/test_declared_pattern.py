import itertools

import pytest

from openenv_tasksets.declared_pattern import LONGEST_PATTERN, PatternWork, why_refused

EVERYDAY = [
    r"#### (.+)$",
    r"(-?[0-9][0-9,]*(?:\.[0-9]+)?)",
    r"\\boxed\{([^{}]+)\}",
    r"(?s)<answer>\s*(.*?)\s*</answer>",
    r"(?i)answer(?: is)?:? ([a-j])\b",
    r"(\p{Lu}[\p{L}\s\-]+)\s*,\s*",
    "|".join(f"word{number}" for number in range(60)),
]


def allowed(patterns):
    """How many patterns of one file are compiled."""
    work = PatternWork()
    return len(list(itertools.takewhile(work.allows, patterns)))


def test_a_hundred_everyday_patterns_are_allowed():
    patterns = [f"{EVERYDAY[number % len(EVERYDAY)]}{number}" for number in range(100)]
    assert [why_refused(pattern) for pattern in patterns] == [None] * 100
    assert allowed(patterns) == 100


@pytest.mark.parametrize(
    "pattern",
    [r"\pL" * 300, r"(?i)\PL" * 140, r"(" + r"\p{Lu}" * 150, r"[\pL\pN]{9}", r"\pL{999}", r"(?:a{30}){30}" * 70],
)
def test_patterns_that_take_long_are_few(pattern):
    assert 1 <= allowed(f"{pattern}{number}" for number in range(99)) < 50


def test_what_was_spent_is_spent():
    work = PatternWork()
    while work.allows(r"\pL" * 300):
        pass
    assert not work.allows("a")


def test_a_pattern_that_is_too_long_is_not_compiled():
    assert allowed(r"\pL" * LONGEST_PATTERN + str(number) for number in range(99)) == 99


def test_a_refused_pattern_has_its_reason():
    assert why_refused("(?=x)").startswith("invalid perl operator: (?=; lookaround and backreferences are not")
    assert why_refused(r"\pL{999}").startswith("pattern too large - compile failed; use smaller repetitions")
