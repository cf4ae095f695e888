"""The figures as tables, and against what they are to reach."""

from collections.abc import Callable
from dataclasses import dataclass

from measure import Figures, against_peer
from servers import PEER, SERVERS


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio to OpenEnv's server that is to be reached.

    Attributes:
        server: A key of ``SERVERS``.
        what: The figure.
        times: At least so many times better.
        less_is_better: Whether a smaller figure is the better one.
    """

    server: str
    what: str
    times: float
    less_is_better: bool


TARGETS = (
    *(Target(name, f"{n}: server us", x, True) for n in (8, 64) for name, x in (("asgi", 6), ("ours", 12))),
    Target("asgi", "64: episodes/s", 6, False),
    Target("ours", "64: episodes/s", 12, False),
    Target("inline", "64: episodes/s", 6, False),
    Target("pool", "64: episodes/s", 5, False),
    Target("ours", "64: p99 ms", 6, True),
    Target("ours", "256: p99 ms", 12, True),
    Target("ours", "http/s", 7, False),
    Target("ours", "connects/s", 3, False),
    Target("asgi", "idle KiB", 3, True),
    Target("ours", "idle KiB", 6, True),
    Target("ours", "start s", 4, True),
)
LARGE_WITHIN = 0.10


def write_tables(figures: Figures, sessions: tuple[int, ...], say: Callable[[str], None]) -> None:
    """All tables, the targets last."""
    for count in sessions:
        parts = ("episodes/s", "server us", "server %", "client us", "client %", "p50 ms", "p99 ms")
        _write(figures, f"{count} session(s)", {f"{count}: {part}": part for part in parts}, say)
    rest = ("http/s", "http us", "connects/s", "idle KiB", "idle threads", "start s", "small us", "large us")
    _write(figures, "otherwise", {part: part for part in rest}, say)
    say("To reach, in times better than OpenEnv's server:")
    for line in _against_targets(figures):
        say(line)


def _write(figures: Figures, title: str, columns: dict[str, str], say: Callable[[str], None]) -> None:
    width = max(len(SERVERS[name][0]) for name in figures)
    say(f"{title:<{width}}" + "".join(f"{shown:>13}" for shown in columns.values()))
    for name, each in figures.items():
        cells = "".join(f"{_number(each[what]) if what in each else '-':>13}" for what in columns)
        say(f"{SERVERS[name][0]:<{width}}{cells}")
    say("")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _against_targets(figures: Figures) -> list[str]:
    lines = []
    for target in TARGETS:
        found = against_peer(figures, target.server, target.what, less_is_better=target.less_is_better)
        if found is None:
            continue
        values = (_number(figures[name][target.what]) for name in (PEER, target.server))
        verdict = "reached" if found >= target.times else "MISSED"
        lines.append(
            f"  {verdict:<8}{target.what:<16}{found:>7.1f} of {target.times:<4g}"
            f"({' -> '.join(values)}; {SERVERS[target.server][0]})"
        )
    for name, each in figures.items():
        if "large us" in each:
            more = each["large us"] / each["small us"] - 1
            verdict = "reached" if more <= LARGE_WITHIN else "MISSED"
            lines.append(f"  {verdict:<8}a large taskset costs {more:+.0%} an episode ({SERVERS[name][0]})")
    return lines
