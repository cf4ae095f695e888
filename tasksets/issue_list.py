"""Issues as they are reported: in the order of the file, and at most a hundred."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from openenv_tasksets.loaders.errors import Issue

MOST_ISSUES = 100
_MOST_SHOWN = 60

Found = TypeVar("Found")


def report(found: Iterable[Found], line: Callable[[Found], int | None], issue: Callable[[Found], Issue]) -> list[Issue]:
    """The issues of what was found wrong, by line; those of one line stay in the order given.

    Args:
        found: Every mistake.
        line: A mistake's line.
        issue: Writes a mistake out; only called for those that are reported.
    """
    ordered = sorted(found, key=lambda each: line(each) or 0)
    issues = [issue(each) for each in ordered[:MOST_ISSUES]]
    if len(ordered) > MOST_ISSUES:
        issues.append(Issue("", f"and {len(ordered) - MOST_ISSUES} more"))
    return issues


def shown(value: object) -> str:
    """What was given, short: a text's beginning in quotes, a number, or what kind of thing it is."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = repr(str(value[: _MOST_SHOWN + 1]))
        return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**20):
        return repr(value)
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", tuple: "a list", int: "a huge number"}
    return kinds.get(type(value), f"a {type(value).__name__}")
