"""One measurement, in a process of its own: ``python process.py CONTENDER FIGURE FOLDER OPTIONS``.

It prints one JSON object. What is timed from outside (a cold start) is done by the time that line appears.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from contenders import CONTENDERS


def rate(items: Iterator[Any], seconds: float) -> dict[str, float]:
    """Items a second, for so long or until there are no more; and microseconds of the processor for each."""
    began, worked = time.perf_counter(), time.process_time()
    count = 0
    for count in itertools.count(100, 100):
        got = sum(1 for _ in itertools.islice(items, 100))
        if got < 100 or time.perf_counter() - began > seconds:
            count += got - 100
            break
    processor = (time.process_time() - worked) / max(1, count) * 1e6
    return {"value": count / (time.perf_counter() - began), "rows": count, "processor": processor}


def open_only(contender: Callable[[Path], Any], folder: Path, _options: dict[str, Any]) -> dict[str, float]:
    """Open; the time is taken from outside."""
    contender(folder)
    return {}


def build(contender: Callable[[Path], Any], folder: Path, _options: dict[str, Any]) -> dict[str, float]:
    """Seconds until the library has its own form of the rows, without imports, and those of the processor."""
    contender.warm_up()  # type: ignore[attr-defined]
    began, worked = time.perf_counter(), time.process_time()
    contender(folder).build()
    return {"value": time.perf_counter() - began, "processor": time.process_time() - worked}


def first(contender: Callable[[Path], Any], folder: Path, _options: dict[str, Any]) -> dict[str, float]:
    """Open and read a row; the time is taken from outside."""
    row = contender(folder).first()
    if "messages" not in row:
        raise SystemExit(f"not a row: {row!r:.200}")
    return {}


def dicts(contender: Callable[[Path], Any], folder: Path, options: dict[str, Any]) -> dict[str, float]:
    """Rows a second as dicts, in order."""
    opened = contender(folder)
    opened.first()
    return rate(opened.dicts(), options["seconds"])


def json_bytes(contender: Callable[[Path], Any], folder: Path, options: dict[str, Any]) -> dict[str, float]:
    """Rows a second as JSON."""
    opened = contender(folder)
    opened.first()
    return rate(opened.json(), options["seconds"])


def shuffled(contender: Callable[[Path], Any], folder: Path, options: dict[str, Any]) -> dict[str, float]:
    """Rows a second in an exact global shuffle, from the call that shuffles on."""
    opened = contender(folder)
    opened.first()

    def all_of_it() -> Iterator[Any]:
        yield from opened.shuffled()

    return rate(all_of_it(), options["seconds"])


def random_row(contender: Callable[[Path], Any], folder: Path, options: dict[str, Any]) -> dict[str, float]:
    """Microseconds of one row anywhere: median and 99th percentile."""
    # Not on the way of a cold start.
    import random
    import statistics

    opened = contender(folder)
    size = len(opened)
    picks = random.Random(7)  # noqa: S311 - the same rows for all
    for _ in range(200):
        opened.row(picks.randrange(size))
    times = []
    until = time.perf_counter() + options["seconds"]
    while time.perf_counter() < until and len(times) < 20_000:
        index = picks.randrange(size)
        began = time.perf_counter()
        opened.row(index)
        times.append((time.perf_counter() - began) * 1e6)
    percentiles = statistics.quantiles(times, n=100)
    return {"value": percentiles[49], "p99": percentiles[98], "rows": len(times)}


def resume(contender: Callable[[Path], Any], folder: Path, options: dict[str, Any]) -> dict[str, float]:
    """Open and read the row in the middle of a shuffled epoch; the time is taken from outside."""
    next(contender(folder).shuffled(options["position"]))
    return {}


def memory(contender: Callable[[Path], Any], folder: Path, options: dict[str, Any]) -> dict[str, float]:
    """Most anonymous memory, in MB, while rows are walked in order."""
    opened = contender(folder)
    most = 0.0
    until = time.perf_counter() + options["seconds"]
    for number, _ in enumerate(opened.dicts()):
        if number % 1000 == 0:
            most = max(most, anonymous_mb())
            if time.perf_counter() > until:
                break
    return {"value": most}


def anonymous_mb() -> float:
    """Anonymous memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the system does not tell anonymous memory")


FIGURES = {
    "open": open_only,
    "build": build,
    "first": first,
    "dicts": dicts,
    "json": json_bytes,
    "shuffled": shuffled,
    "random": random_row,
    "resume": resume,
    "memory": memory,
}


if __name__ == "__main__":
    name, figure, path, given = sys.argv[1:]
    print(json.dumps(FIGURES[figure](CONTENDERS[name], Path(path), json.loads(given))), flush=True)
