"""What is measured of whom, and how a table of it looks."""

from collections.abc import Mapping
from dataclasses import dataclass

MAP, TUNED, STREAM, OURS, STORED = "datasets", "datasets, tuned", "datasets, streaming", "ours", "ours, stored"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        key: Its name on the command line and in ``process.FIGURES``.
        title: What it is, with its unit.
        contenders: Who can do it.
        more_is_better: For a rate; a time or an amount of memory is better small.
        is_cold: The process is timed from outside, from its start to its answer.
        parts: What else it gives beside ``value``.
    """

    key: str
    title: str
    contenders: tuple[str, ...]
    more_is_better: bool = False
    is_cold: bool = False
    parts: tuple[str, ...] = ()

    def table(self, taken: Mapping[str, Mapping[str, float]], baseline: str = MAP) -> str:
        """A line for each contender: the value, and how many times better than the baseline it is."""
        lines = [self.title]
        for part in ("value", *self.parts):
            for name in self.contenders:
                value, base = taken[name][part], taken[baseline][part]
                ratio = value / base if self.more_is_better else base / value
                label = name if part == "value" else f"{name}, {part}"
                lines.append(f"  {label:<26}{value:>14,.3f}  {ratio:>8.2f}x")
        return "\n".join(lines) + "\n"


FIGURES = (
    Figure("first", "cold first row, s", (OURS, STORED, MAP, STREAM, "pyarrow", "floor"), is_cold=True),
    Figure("dicts", "rows as dicts in order, a second", (OURS, STORED, MAP, TUNED, STREAM, "pyarrow", "floor"), True),
    Figure("json", "rows as JSON bytes in order, a second", (OURS, STORED, MAP, "pyarrow", "floor"), True),
    Figure("shuffled", "exact global shuffle from its start, rows a second", (OURS, STORED, MAP, "floor"), True),
    Figure("random", "one row anywhere, us (median)", (OURS, STORED, MAP, "floor"), parts=("p99",)),
    Figure(
        "resume", "cold to the row in the middle of a shuffled epoch, s", (OURS, STORED, MAP, "floor"), is_cold=True
    ),
    Figure("memory", "most anonymous memory while streaming, MB", (OURS, STORED, MAP, STREAM, "pyarrow", "floor")),
)

_OF_SIZE = (OURS, STORED, MAP, "floor")
BY_SIZE = [
    Figure("open", "cold open", _OF_SIZE, is_cold=True),
    Figure("first", "cold first row", _OF_SIZE, is_cold=True),
    Figure("random", "one row anywhere", _OF_SIZE),
    Figure("resume", "cold to the middle of a shuffled epoch", _OF_SIZE, is_cold=True),
    Figure("memory", "most anonymous memory while streaming", _OF_SIZE),
]
