"""``--where``: a condition as it is typed, read as the public column's own kind of value."""

import csv
import re
from collections.abc import Sequence
from typing import Any

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.view import TaskView

_CONDITION = re.compile(r"([^<>=!]+)(>=|<=|!=|==|=|<|>)(.*)", re.DOTALL)
_LOOKED_AT = 100


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
        sample = _sample(view, column)
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
    if not taskset.num_tasks(taskset.default_split):
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


def _sample(view: TaskView, column: str) -> Any:
    """The first value that is not null: it tells what kind of values the column has."""
    values = (task.public.get(column) for task in view.take(_LOOKED_AT))
    return next((value for value in values if value is not None), None)


def _value(word: str, sample: Any, column: str) -> Any:
    if isinstance(sample, bool):
        if word.lower() not in ("true", "false"):
            raise SelectionError(f"--where: column {column!r} holds true and false, not {word!r}")
        return word.lower() == "true"
    if isinstance(sample, int | float):
        try:
            return int(word) if re.fullmatch(r"[+-]?[0-9]+", word) else float(word)
        except ValueError:
            raise SelectionError(f"--where: column {column!r} holds numbers, not {word!r}") from None
    return word
