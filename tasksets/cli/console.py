"""Where the command writes: data on stdout, talk on stderr; and how a value of a row looks on one line."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openenv_tasksets.declaration import Declaration

_LONGEST_CELL = 200
_GAP = 3


def write(text: str) -> None:
    """A line of data, flushed, so that a reading program has it at once."""
    print(text, flush=True)


def say(text: str) -> None:
    """A line for the person at the terminal."""
    # Without a stderr, print() would take stdout.
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


def ignored_keys(declaration: "Declaration") -> list[str]:
    """A line for each key that was ignored because the file is of a newer minor version."""
    return [f"{declaration.source}:{issue.line}: {issue}" for issue in declaration.warnings]


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of data, cut to the terminal's width: the widest columns give way first, and the first one last."""
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    natural = [max(map(cell_len, values)) for values in zip(columns, *rows, strict=True)]
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name, width in zip(columns, _fitting(natural, console.width - _GAP * (len(columns) - 1)), strict=True):
        table.add_column(Text(name), width=width, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _fitting(natural: Sequence[int], room: int) -> list[int]:
    """Widths of at most ``room`` together, where each column can have at least one."""
    first = min(natural[0], room // 2)
    rest = [min(width, room) for width in natural[1:]]
    while sum(rest) > room - first and max(rest) > 1:
        rest[rest.index(max(rest))] -= 1
    return [first, *rest]


def cell(value: Any) -> str:
    """A value on one line: texts as they are, the rest as JSON, and nothing that a terminal would obey."""
    if not isinstance(value, str):
        from openenv_tasksets.loaders.errors import TasksetError
        from openenv_tasksets.server.wire import encode_json

        try:
            value = encode_json(value).decode()
        except TasksetError:
            value = f"<{type(value).__name__}>"
    # Text of a dataset may hold escape sequences, and marks that turn the direction of what follows.
    shown = "".join(char if char.isprintable() else " " for char in value[: _LONGEST_CELL * 4])
    shown = " ".join(shown.split())
    return shown if len(shown) <= _LONGEST_CELL else shown[: _LONGEST_CELL - 1] + "…"
