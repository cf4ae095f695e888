import pytest

from openenv_tasksets.issue_list import MOST_ISSUES, report, shown
from openenv_tasksets.loaders.errors import Issue


def issues(lines):
    return report(lines, lambda line: line, lambda line: Issue("", f"mistake {line}", line))


def test_issues_come_in_the_order_of_the_file():
    assert [issue.line for issue in issues([3, 1, 2])] == [1, 2, 3]


def test_a_hundred_are_written_out_and_the_rest_counted():
    assert len(issues(range(MOST_ISSUES))) == MOST_ISSUES
    many = issues(range(MOST_ISSUES + 23))
    assert len(many) == MOST_ISSUES + 1
    assert many[-1] == Issue("", "and 23 more")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ("x", "'x'"),
        ("x" * 100, "'" + "x" * 58 + "…"),
        (True, "true"),
        (1.5, "1.5"),
        (-3, "-3"),
        (10**30, "a huge number"),
        ([1], "a list"),
        ((), "a list"),
        ({"a": 1}, "a mapping"),
        (b"x", "a bytes"),
    ],
)
def test_what_was_given_is_shown_short(value, text):
    assert shown(value) == text
