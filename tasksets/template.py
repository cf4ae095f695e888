"""Templates: text with plain ``{column}`` fields, and nothing that could run code."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NOT_PLAIN = re.compile(r"[!:\[\]]")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template.

    Attributes:
        pieces: The text before each field with the field's column; last, the text behind them all and None.
    """

    pieces: tuple[tuple[str, str | None], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns named, each once, in order of first use."""
        return tuple(dict.fromkeys(column for _, column in self.pieces if column is not None))

    def render(self, values: Mapping[str, str]) -> str:
        """The text with each field replaced by ``values[column]``; braces in values are just text.

        Raises:
            KeyError: A column is not in ``values``.
        """
        return "".join(before if column is None else before + values[column] for before, column in self.pieces)


def parse_template(text: str) -> Template:
    """Parse a template; ``{{`` and ``}}`` stand for braces.

    Args:
        text: Fields are ``{column}`` or, below a struct column, ``{column.field}``.

    Raises:
        ValueError: A brace that is not closed or not opened, an empty field, or a field with a format
            (``{a:>8}``), a conversion (``{a!r}``) or an index (``{a[0]}``).
    """
    pieces: list[tuple[str, str | None]] = []
    before: list[str] = []
    position = 0
    for found in _PIECE.finditer(text):
        before.append(text[position : found.start()])
        position = found.end()
        if found[0] in ("{{", "}}"):
            before.append(found[0][0])
            continue
        if found[1] is None:
            raise ValueError(f"a single {found[0]!r} at character {found.start() + 1}; write it twice to mean it")
        pieces.append(("".join(before), _checked_column(found[1], found.start() + 1)))
        before = []
    return Template((*pieces, ("".join((*before, text[position:])), None)))


def _checked_column(column: str, place: int) -> str:
    if not column.strip():
        raise ValueError(f"an empty field at character {place}; name a column, or write {{{{}}}} to mean braces")
    if _NOT_PLAIN.search(column):
        given = column if len(column) <= 40 else column[:40] + "…"
        raise ValueError(
            f"the field {{{given}}} at character {place}; a field is a column's name and nothing more: no format, "
            "conversion or index (write braces that are text twice)"
        )
    if "" in column.split("."):
        raise ValueError(f"the field {{{column[:40]}}} at character {place} has an empty step between its dots")
    return column
