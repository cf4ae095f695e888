"""The measurements: every server in turns, several rounds, so that what disturbs the machine disturbs all."""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from environments import write_folder
from load import Load
from processes import ServerProcess, held_sessions, load, server
from servers import PEER, SERVERS

Figures = dict[str, dict[str, float]]
"""By server, then by what was measured and in which unit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        servers: Keys of ``SERVERS``.
        seconds: Of each load, at least.
        rounds: How often; medians are given.
        sessions: At once.
        connects: Sessions that are opened and then idle.
        starts: How often each is started anew.
        folder_rows: Of the taskset whose start is timed.
        times: How often the ten thousand rows are repeated for the large taskset.
    """

    servers: tuple[str, ...] = tuple(SERVERS)
    seconds: float = 2.0
    rounds: int = 5
    sessions: tuple[int, ...] = (1, 8, 64, 256)
    connects: int = 1000
    starts: int = 3
    folder_rows: int = 50_000
    times: int = 1000


QUICK = Plan(seconds=0.3, rounds=2, starts=1, times=30)
HTTP_CONNECTIONS = 64
SECONDS_A_SESSION = 0.005
"""At least so long, so that each session plays some episodes even with the slowest server."""
SIZE_SESSIONS = 8


def measure(plan: Plan, say: Callable[[str], None]) -> Figures:
    """Take all figures.

    Args:
        plan: How much.
        say: Told what goes on.
    """
    samples: dict[str, dict[str, list[float]]] = {name: {} for name in plan.servers}

    def add(name: str, what: str, value: float) -> None:
        samples[name].setdefault(what, []).append(value)

    for part in (_starts, _loads, _sizes):
        for name, what, value in part(plan, say):
            add(name, what, value)
    return {name: {what: statistics.median(values) for what, values in each.items()} for name, each in samples.items()}


Samples = Iterator[tuple[str, str, float]]


def _starts(plan: Plan, say: Callable[[str], None]) -> Samples:
    """Start, sessions connecting, and what an idle one takes; each in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder), plan.folder_rows)
        for turn in range(plan.starts):
            say(f"starts and idle sessions, {turn + 1} of {plan.starts}")
            for name in plan.servers:
                with server(name, folder=Path(folder)) as running:
                    yield from _idle(plan, name, running)


def _idle(plan: Plan, name: str, running: ServerProcess) -> Samples:
    yield name, "start s", running.start_seconds
    load("play", running.port, 8, 0.2)
    memory, threads = running.own_bytes(), running.threads()
    with held_sessions(running.port, plan.connects) as opened:
        yield name, "connects/s", opened.count / opened.seconds
        yield name, "idle KiB", (running.own_bytes() - memory) / plan.connects / 1024
        yield name, "idle threads", (running.threads() - threads) / plan.connects


def _loads(plan: Plan, say: Callable[[str], None]) -> Samples:
    """Episodes over the WebSocket, and resets over HTTP."""
    with ExitStack() as stack:
        running = {name: stack.enter_context(server(name)) for name in plan.servers}
        for each in running.values():
            load("play", each.port, 8, 0.5)
            load("http", each.port, 8, 0.5)
        for turn in range(plan.rounds):
            say(f"load, {turn + 1} of {plan.rounds}")
            for sessions in plan.sessions:
                for name, each in running.items():
                    yield from _episodes(name, each, sessions, plan.seconds)
            for name, each in running.items():
                found, cpu = _under(each, "http", each.port, HTTP_CONNECTIONS, plan.seconds)
                yield name, "http/s", found.count / found.seconds
                yield name, "http us", cpu / found.count * 1e6


def _episodes(name: str, running: ServerProcess, sessions: int, seconds: float) -> Samples:
    found, cpu = _under(running, "play", running.port, sessions, max(seconds, sessions * SECONDS_A_SESSION))
    yield name, f"{sessions}: episodes/s", found.count / found.seconds
    yield name, f"{sessions}: server us", cpu / found.count * 1e6
    yield name, f"{sessions}: server %", cpu / found.seconds * 100
    yield name, f"{sessions}: client us", found.client_cpu / found.count * 1e6
    yield name, f"{sessions}: client %", found.client_cpu / found.seconds * 100
    yield name, f"{sessions}: p50 ms", found.p50
    yield name, f"{sessions}: p99 ms", found.p99


def _under(running: ServerProcess, *arguments: object) -> tuple[Load, float]:
    before = running.cpu_seconds()
    found = load(*arguments)
    return found, running.cpu_seconds() - before


def _sizes(plan: Plan, say: Callable[[str], None]) -> Samples:
    """A small and a large taskset."""
    say("a large taskset")
    names = [name for name in ("ours", "inline") if name in plan.servers]
    with ExitStack() as stack:
        sizes = {
            (name, times): stack.enter_context(server(name, times=times)) for name in names for times in (1, plan.times)
        }
        for each in sizes.values():
            load("play", each.port, SIZE_SESSIONS, 0.5)
        for _ in range(plan.rounds):
            for (name, times), each in sizes.items():
                found, cpu = _under(each, "play", each.port, SIZE_SESSIONS, plan.seconds)
                yield name, "small us" if times == 1 else "large us", cpu / found.count * 1e6


def against_peer(figures: Figures, name: str, what: str, *, less_is_better: bool) -> float | None:
    """How many times better than OpenEnv's server; None where one of them was not measured."""
    ours, peers = figures.get(name, {}).get(what), figures.get(PEER, {}).get(what)
    if ours is None or peers is None:
        return None
    if less_is_better:
        return peers / ours if ours > 0 else float("inf")
    return ours / peers if peers > 0 else float("inf")
