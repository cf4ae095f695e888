"""A task: one row, bound; and the object that keeps hidden values out of everything that is written."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Hidden:
    """Values that only the environment may see.

    Its repr and text are empty and no JSON encoder takes it, so a hidden value cannot slip into a log
    line, an error or a frame. ``reveal()`` is the one way to the values.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def reveal(self) -> Mapping[str, Any]:
        """The values by name."""
        return self._values

    def __repr__(self) -> str:
        return ""

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]  # the values may be lists and dicts


class Task(msgspec.Struct, frozen=True):
    """One problem of a split.

    Attributes:
        id: Stable name: the declared column's value, else ``{split}-{row}``.
        split: Name of its split.
        index: Position in the split as it is served, in [0, num_tasks(split)).
        row: Position in the split's files, whatever filter is served; equals ``index`` without one.
        visible: reset() arguments that the agent may see.
        public: What the Task API lists beside id, split, index and row.
        hidden: reset() arguments that only the environment may see.
        gold: An action that deserves the top reward; empty where none is declared.
    """

    id: str
    split: str
    index: int
    row: int
    visible: Mapping[str, Any]
    public: Mapping[str, Any]
    hidden: Hidden
    gold: Hidden

    def arguments(self) -> dict[str, Any]:
        """Every bound reset() argument, hidden ones included."""
        return {**self.visible, **self.hidden.reveal()}

    def spec(self) -> dict[str, Any]:
        """What the Task API says of the task: id, split, index, row and the public columns."""
        return {**self.public, "id": self.id, "split": self.split, "index": self.index, "row": self.row}
