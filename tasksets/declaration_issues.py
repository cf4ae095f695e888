"""Mistakes in a declaration: raised by its fields, and written out as issues with path and line."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from openenv_tasksets.field_path import Step, field_path
from openenv_tasksets.issue_list import report, shown
from openenv_tasksets.loaders.errors import Issue
from openenv_tasksets.loaders.spelling import listing
from openenv_tasksets.yaml_tree import Node, line_at

MISSING = "required, but missing"

_MOST_SPELLED = 60
# A guess costs up to half a millisecond for each candidate.
_MOST_CANDIDATES = 40
_MOST_GUESSES = 25

Checked = TypeVar("Checked")


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong with a value, or with something in it.

    Attributes:
        message: What was given and what is allowed; of an unknown name, what there is none of.
        steps: From the value that was checked to what is wrong.
        name: A name that nothing has; the nearest one is looked up only if the mistake is reported.
        allowed: The names that exist.
        is_unknown_key: A newer minor version may know the key at ``steps``.
    """

    message: str
    steps: tuple[Step, ...] = ()
    name: str | None = None
    allowed: Collection[str] = ()
    is_unknown_key: bool = False


class Wrong(Exception):
    """A value that does not pass, with every mistake in it; a ``DeclarationError`` is made of it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


class Found:
    """Mistakes collected on the way, so that none hides another.

    Args:
        mistakes: Those that are known beforehand.
    """

    def __init__(self, mistakes: Iterable[Mistake] = ()) -> None:
        self._mistakes = list(mistakes)

    def add(self, mistakes: Iterable[Mistake]) -> None:
        """Note more of them."""
        self._mistakes.extend(mistakes)

    @contextmanager
    def below(self, *steps: Step) -> Iterator[None]:
        """Note what is raised inside, as mistakes of what is at ``steps``, and go on."""
        try:
            yield
        except Wrong as exc:
            self.add(msgspec.structs.replace(each, steps=steps + each.steps) for each in exc.mistakes)

    def raise_all(self) -> None:
        """Raise every mistake as one error; none: do nothing."""
        if self._mistakes:
            raise Wrong(self._mistakes)


def wrong(message: str) -> Wrong:
    """What is wrong with the value being checked."""
    return Wrong([Mistake(message)])


def unknown_name(what: str, given: str, allowed: Collection[str], *steps: Step) -> Mistake:
    """A name that nothing has.

    Args:
        what: What there is none of, as in ``no reset argument``.
        given: The name.
        allowed: The names that exist.
        steps: Where it stands.
    """
    return Mistake(what, steps, given, allowed)


def unknown_key(key: str, allowed: Collection[str]) -> Mistake:
    """A key that a mapping does not have.

    Args:
        key: The key.
        allowed: The keys that the mapping may have.
    """
    return Mistake("unknown key", (key,), key, sorted(allowed), is_unknown_key=True)


def checked_with(mistakes: Iterable[Mistake], check: Callable[[Any], Checked], value: Any) -> Checked:
    """The checked value; its own mistakes and those found beside are raised as one error.

    Args:
        mistakes: Those of ``value`` as it was given; found first, so that none hides another.
        check: Gives the typed value.
        value: What is checked.
    """
    found = Found(mistakes)
    checked: list[Checked] = []
    with found.below():
        checked.append(check(value))
    found.raise_all()
    return checked[0]


def member(value: Any, name: str) -> Any:
    """What a part has under a name, checked already or not yet; None where it has nothing."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def issues_of(mistakes: Iterable[Mistake], tree: Node | None = None) -> list[Issue]:
    """Mistakes as issues, in the order of the file; the first few unknown names with the nearest.

    Args:
        mistakes: Of the whole that the file holds.
        tree: The file, for lines; None where there is none.
    """
    guesses = iter(range(_MOST_GUESSES))

    def spelled(given: str, allowed: Sequence[str]) -> str:
        is_long = len(given) > _MOST_SPELLED
        close: list[str] = []
        if not is_long and next(guesses, None) is not None:
            # Only a mistake needs it.
            import difflib

            close = difflib.get_close_matches(given, allowed[:_MOST_CANDIDATES], n=1)
        guess = f"; did you mean {close[0]!r}?" if close else "."
        return f"{shown(given)}{guess} {listing(allowed)}"

    def line(each: Mistake) -> int | None:
        return None if tree is None else line_at(tree, each.steps)

    def issue(each: Mistake) -> Issue:
        name = "" if each.name is None else f" {spelled(each.name, list(each.allowed))}"
        return Issue(field_path(each.steps), each.message + name, line(each))

    return report(mistakes, line, issue)
