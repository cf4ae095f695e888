"""Dotted column paths: ``metadata.level``, and ``tools.parameters`` through a list of structs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec


class PathMissing(LookupError):
    """The path leads nowhere in this row; the text says where it stopped, without any value."""


class ColumnPath(msgspec.Struct, frozen=True):
    """A top-level column and the fields to follow below it.

    Attributes:
        text: The path as declared.
        column: The top-level column, whose own name may hold dots.
        fields: The rest, one name a step.
    """

    text: str
    column: str
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, columns: Sequence[str]) -> "ColumnPath | None":
        """The path whose top-level column is the longest of ``columns`` that ``text`` starts with, if any."""
        parts = text.split(".")
        for length in range(len(parts), 0, -1):
            column = ".".join(parts[:length])
            if column in columns:
                return cls(text, column, tuple(parts[length:]))
        return None

    def covers(self, other: "ColumnPath") -> bool:
        """Whether what is at ``other`` is all or a part of what is at this path."""
        return self.column == other.column and other.fields[: len(self.fields)] == self.fields

    def read(self, row: Mapping[str, Any]) -> Any:
        """The value at the path; a list on the way gives the list of its members' values.

        Raises:
            PathMissing: A field on the way is absent, null or not a struct.
        """
        if self.column not in row:
            raise PathMissing(f"the row has no column {self.column!r}")
        return _follow(row[self.column], self.fields)

    def replace(self, value: Any, change: Callable[[Any], Any]) -> Any:
        """A copy of the column's ``value`` in which ``change`` was applied at the path; nulls are left."""
        return _replace(value, self.fields, change)


def _follow(value: Any, fields: tuple[str, ...]) -> Any:
    if not fields:
        return value
    if isinstance(value, list | tuple):
        return [_follow(member, fields) for member in value]
    if not isinstance(value, Mapping):
        kind = "null" if value is None else type(value).__name__
        raise PathMissing(f"no field {fields[0]!r}: the value there is {kind}, not a struct")
    if fields[0] not in value:
        # The names that do exist may be the answer, in a struct that was JSON text or a map.
        raise PathMissing(f"no field {fields[0]!r} in the struct there")
    return _follow(value[fields[0]], fields[1:])


def _replace(value: Any, fields: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [_replace(member, fields, change) for member in value]
    if not fields:
        return change(value)
    if not isinstance(value, Mapping) or fields[0] not in value:
        return value
    return {**value, fields[0]: _replace(value[fields[0]], fields[1:], change)}
