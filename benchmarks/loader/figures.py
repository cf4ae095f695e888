"""What is measured of whom, and how a table of it looks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
        times: For how many times as long as other rates it is measured: what is slow to start counts from its start.
    """

    key: str
    title: str
    contenders: tuple[str, ...]
    more_is_better: bool = False
    is_cold: bool = False
    parts: tuple[str, ...] = ()
    times: int = 1

    def without(self, name: str) -> "Figure":
        """The same for all others."""
        return replace(self, contenders=tuple(each for each in self.contenders if each != name))

    def table(self, taken: Mapping[str, Mapping[str, float]], baseline: str = MAP) -> str:
        """A line for each contender: the value, and how many times better than the baseline it is."""
        lines = [self.title]
        for part in ("value", *self.parts):
            for name in self.contenders:
                value, base = taken[name][part], taken[baseline][part]
                ratio = value / base if self.more_is_better and part == "value" else base / value
                label = name if part == "value" else f"{name}, {part}{'' if part == 'p99' else ' us'}"
                lines.append(f"  {label:<34}{value:>14,.3f}  {ratio:>8.2f}x")
        return "\n".join(lines) + "\n"


# More is better; not cold; beside it, what each row takes of the processor, which other work moves less.
_RATE = (True, False, ("processor",))

FIGURES = (
    Figure("first", "cold first row, s", (OURS, STORED, MAP, STREAM, "pyarrow", "floor"), is_cold=True),
    Figure("dicts", "rows as dicts in order, a second", (OURS, STORED, MAP, TUNED, STREAM, "pyarrow", "floor"), *_RATE),
    Figure("json", "rows as JSON bytes in order, a second", (OURS, STORED, MAP, "pyarrow", "floor"), *_RATE),
    Figure(
        "shuffled", "exact global shuffle from its start, rows a second", (OURS, STORED, MAP, "floor"), *_RATE, times=5
    ),
    Figure("random", "one row anywhere, us (median)", (OURS, STORED, MAP, "floor"), parts=("p99",)),
    Figure(
        "resume", "cold to the row in the middle of a shuffled epoch, s", (OURS, STORED, MAP, "floor"), is_cold=True
    ),
    Figure("memory", "most anonymous memory while streaming, MB", (OURS, STORED, MAP, STREAM)),
)

_OF_SIZE = (OURS, STORED, MAP, "floor")
BY_SIZE = [
    Figure("open", "cold open", _OF_SIZE, is_cold=True),
    Figure("first", "cold first row", _OF_SIZE, is_cold=True),
    Figure("random", "one row anywhere", _OF_SIZE),
    Figure("resume", "cold to the middle of a shuffled epoch", _OF_SIZE, is_cold=True),
    Figure("memory", "most anonymous memory while streaming", _OF_SIZE),
]


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio that is to be reached.

    Attributes:
        title: Of what.
        figure: The key of the figure.
        ours: Which of our contenders.
        against: Which of the others.
        least: How many times better it shall be.
        part: Which part of the figure.
    """

    title: str
    figure: str
    ours: str
    against: str
    least: float
    part: str = "value"


TARGETS = (
    Target("cold first row, no store yet", "first", OURS, MAP, 4),
    Target("cold first row, with the store", "first", STORED, MAP, 8),
    Target("rows as dicts in order, with the store", "dicts", STORED, MAP, 12),
    Target("the same against Arrow batches", "dicts", STORED, TUNED, 1.2),
    Target("rows as JSON, from Parquet", "json", OURS, MAP, 12),
    Target("exact shuffle, with the store", "shuffled", STORED, MAP, 15),
    Target("exact shuffle, none yet", "shuffled", OURS, MAP, 4),
    Target("random row, median", "random", STORED, MAP, 8),
    Target("random row, 99th percentile", "random", STORED, MAP, 4, "p99"),
    Target("resume in the middle of a shuffled epoch", "resume", STORED, MAP, 8),
    Target("anonymous memory while streaming", "memory", STORED, MAP, 2),
    Target("building the store against converting", "build", STORED, MAP, 1),
    Target("bytes to the first 5 rows over HTTP", "far", OURS, STREAM, 8, "mb"),
    Target("the same, each file one row group", "far, one group", OURS, STREAM, 8, "mb"),
)
_RATES = frozenset(figure.key for figure in FIGURES if figure.more_is_better)


def reached(target: Target, taken: Mapping[str, Mapping[str, Mapping[str, float]]]) -> float | None:
    """How many times better it is; None where that was not measured."""
    by_contender = taken.get(target.figure, {})
    if target.ours not in by_contender or target.against not in by_contender:
        return None
    ours, other = by_contender[target.ours][target.part], by_contender[target.against][target.part]
    return ours / other if target.figure in _RATES else other / ours


def target_table(taken: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A line for each target: what was to be reached, and what was."""
    lines = [f"{'to reach':<44}{'against':<22}{'at least':>9}{'reached':>9}"]
    for target in TARGETS:
        ratio = reached(target, taken)
        if ratio is not None:
            mark = "" if ratio >= target.least else "  missed"
            lines.append(f"{target.title:<44}{target.against:<22}{target.least:>8g}x{ratio:>8.2f}x{mark}")
    return "\n".join(lines)
