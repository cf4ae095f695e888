"""A declarative filter on public columns: ``{"level": {">=": 3}, "topic": ["algebra", "geometry"]}``."""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from openenv_tasksets.loaders.errors import SelectionError

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, allowed: value in allowed,
}


class Condition(msgspec.Struct, frozen=True):
    """One comparison of one column."""

    column: str
    comparison: str
    operand: Any

    def holds(self, value: Any) -> bool:
        """Whether ``value`` passes. Null equals null and passes no order comparison.

        Raises:
            SelectionError: The value and the operand cannot be compared.
        """
        if value is None and self.comparison not in ("==", "!=", "in"):
            return False
        try:
            return bool(_COMPARISONS[self.comparison](value, self.operand))
        except TypeError as exc:
            raise SelectionError(
                f"cannot compare column {self.column!r} ({type(value).__name__}) "
                f"{self.comparison} {self.operand!r} ({type(self.operand).__name__})"
            ) from exc


class Where(msgspec.Struct, frozen=True):
    """All conditions of a filter; a row passes when each holds."""

    conditions: tuple[Condition, ...]

    @classmethod
    def parse(cls, filters: Mapping[str, Any]) -> "Where":
        """Read ``{column: value | [values] | {comparison: operand}}``.

        Raises:
            SelectionError: No condition at all, or an unknown comparison; the message lists those that exist.
        """
        conditions: list[Condition] = []
        for column, wanted in filters.items():
            if isinstance(wanted, Mapping):
                for comparison, operand in wanted.items():
                    if comparison not in _COMPARISONS:
                        raise SelectionError(
                            f"unknown comparison {comparison!r} for column {column!r}; "
                            f"allowed: {', '.join(_COMPARISONS)}"
                        )
                    conditions.append(_condition(column, comparison, operand))
            elif isinstance(wanted, list | tuple | set | frozenset):
                conditions.append(_condition(column, "in", wanted))
            else:
                conditions.append(_condition(column, "==", wanted))
        if not conditions:
            raise SelectionError("a filter needs at least one condition, such as {'topic': 'algebra'}")
        return cls(tuple(sorted(conditions, key=_canonical)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the conditions read, each once."""
        return tuple(dict.fromkeys(condition.column for condition in self.conditions))

    def of(self, column: str) -> tuple[Condition, ...]:
        """The conditions on one column."""
        return tuple(condition for condition in self.conditions if condition.column == column)

    @property
    def identity(self) -> str:
        """Canonical text: equal filters, however they were written, have the same."""
        return "[" + ",".join(_canonical(condition) for condition in self.conditions) + "]"

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether a row with these values passes."""
        return all(condition.holds(values[condition.column]) for condition in self.conditions)


def _condition(column: str, comparison: str, operand: Any) -> Condition:
    if comparison == "in":
        if not isinstance(operand, list | tuple | set | frozenset):
            raise SelectionError(f"'in' for column {column!r} takes a list of values, not {operand!r}")
        each = {(type(value).__name__, str(value), repr(value)): value for value in operand}
        operand = tuple(each[key] for key in sorted(each))
    return Condition(column, comparison, operand)


def _canonical(condition: Condition) -> str:
    # Not msgspec: it writes NaN as null, and has no form for lone surrogates and integers beyond 64 bits.
    parts = [condition.column, condition.comparison, condition.operand]
    return json.dumps(parts, default=repr, sort_keys=True, separators=(",", ":"))
