"""``--where``: a condition as it is typed, read as the public column's own kind of value."""

import csv
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any

from openenv_tasksets.binding import RowPlace
from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.split import Split
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.view import TaskView

_CONDITION = re.compile(r"([^<>=!]+)(>=|<=|!=|==|=|<|>)(.*)", re.DOTALL)


def narrow(view: TaskView, conditions: Sequence[str]) -> TaskView:
    """The tasks of a view that pass every condition.

    Args:
        view: The tasks.
        conditions: Texts such as ``level>=3`` or ``topic=algebra,geometry``. A value with a comma is put
            between double quotes.

    Raises:
        SelectionError: A condition that cannot be read, a name that is not public, or values that do not compare.
    """
    # Sorted: the order of the words on the command line must not change the order of the stream.
    for condition in sorted(set(conditions)):
        column, comparison, text = _parse(condition)
        sample = _sample(view.split, column)
        wanted = [_value(word, sample, column) for word in _words(text, condition)]
        if comparison in ("=", "=="):
            view = view.where({column: wanted if len(wanted) > 1 else wanted[0]})
        elif len(wanted) == 1:
            view = view.where({column: {comparison: wanted[0]}})
        else:
            raise SelectionError(f"--where {condition!r}: only '=' takes several values")
    return view


def narrow_all(taskset: Taskset, conditions: Sequence[str]) -> Taskset:
    """The taskset with every split narrowed and numbered anew; itself without conditions.

    Raises:
        SelectionError: As ``narrow``; or no task of the default split passes.
    """
    if not conditions:
        return taskset
    for name in taskset:
        taskset = taskset.with_view(narrow(taskset[name], conditions))
    if taskset.split().is_empty:
        raise SelectionError(f"no task of split {taskset.default_split!r} passes {', '.join(conditions)}")
    return taskset


def _parse(condition: str) -> tuple[str, str, str]:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise SelectionError(
            f"--where {condition!r}: write a column, one of = != < <= > >=, and a value, as in 'level>=3'"
        )
    return found[1].strip(), found[2], found[3].strip()


def _words(text: str, condition: str) -> list[str]:
    try:
        return next(csv.reader([text])) or [""]
    except csv.Error as exc:
        raise SelectionError(f"--where {condition!r}: {exc}") from exc


def _sample(split: Split, column: str) -> Any:
    """The first value that is not null: it tells what kind of values the column has."""
    bound = split.binding.public.get(column)
    if bound is None:
        return None
    for row, value in enumerate(split.rows.column(bound.column)):
        place = RowPlace(split.name, row, split.rows.location)
        found = split.binding.public_values({bound.column: value}, [column], place)[column]
        if found is not None:
            return found
    return None


def _value(word: str, sample: Any, column: str) -> Any:
    """The word as a value of the sample's type.

    Raises:
        SelectionError: It is none, or no word can be compared with such values.
    """
    read: Callable[[str], Any]
    match sample:
        case None | str():
            return word
        case bool():
            kind, read = "true and false", _truth
        case int() | float():
            kind, read = "numbers", _number
        case Decimal():
            kind, read = "decimal numbers", _decimal
        case datetime():
            kind, read = f"times such as {sample.isoformat()}", partial(_time, zone=sample.tzinfo)
        case date():
            kind, read = f"dates such as {sample}", date.fromisoformat
        case _:
            held = type(sample).__name__
            raise SelectionError(f"--where: column {column!r} holds values of type {held}, which cannot be compared")
    try:
        return read(word)
    except (ValueError, ArithmeticError):
        raise SelectionError(f"--where: column {column!r} holds {kind}, not {word!r}") from None


def _truth(word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise ValueError(word)
    return word.lower() == "true"


def _number(word: str) -> int | float:
    return int(word) if re.fullmatch(r"[+-]?[0-9]+", word) else float(word)


def _decimal(word: str) -> Decimal:
    value = Decimal(word)
    if not value.is_finite():
        raise ValueError(word)
    return value


def _time(word: str, zone: tzinfo | None) -> datetime:
    """A time; without a zone it is in the column's, and a column without zones knows none."""
    value = datetime.fromisoformat(word)
    if value.tzinfo is None:
        return value.replace(tzinfo=zone)
    if zone is None:
        raise ValueError(word)
    return value
