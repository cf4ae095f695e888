"""Templates: text with plain ``{column}`` fields, and nothing that could run code."""

import re
from collections.abc import Mapping

import msgspec

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NOT_PLAIN = re.compile(r"[!:\[\]]")
_MOST_MISTAKES = 20


class TemplateError(ValueError):
    """A text is no template.

    Attributes:
        mistakes: What is wrong, in the order of the text; at most the first 20.
    """

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class Template(msgspec.Struct, frozen=True):
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
        TemplateError: Braces that are not closed or not opened, empty fields, or fields with a format
            (``{a:>8}``), a conversion (``{a!r}``) or an index (``{a[0]}``): every one.
    """
    pieces: list[tuple[str, str | None]] = []
    before: list[str] = []
    mistakes: list[str] = []
    position = 0
    for found in _PIECE.finditer(text):
        before.append(text[position : found.start()])
        position = found.end()
        if found[0] in ("{{", "}}"):
            before.append(found[0][0])
            continue
        if wrong := _why_refused(found[0], found[1], found.start() + 1):
            mistakes.append(wrong)
            if len(mistakes) == _MOST_MISTAKES:
                break
        pieces.append(("".join(before), found[1]))
        before = []
    if mistakes:
        raise TemplateError(tuple(mistakes))
    return Template((*pieces, ("".join((*before, text[position:])), None)))


def _why_refused(piece: str, column: str | None, place: int) -> str | None:
    if column is None:
        return f"a single {piece!r} at character {place}; write it twice to mean it"
    if not column.strip():
        return f"an empty field at character {place}; name a column, or write {{{{}}}} to mean braces"
    if _NOT_PLAIN.search(column):
        given = column if len(column) <= 40 else column[:40] + "…"
        return (
            f"the field {{{given}}} at character {place}; a field is a column's name and nothing more: no format, "
            "conversion or index (write braces that are text twice)"
        )
    if "" in column.split("."):
        return f"the field {{{column[:40]}}} at character {place} has an empty step between its dots"
    return None
