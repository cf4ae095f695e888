"""The loader against ``datasets``, pyarrow and a memory-mapped floor, interleaved in one run.

    python benchmarks/loader                # 1,000,000 rows, medians of 3 rounds
    python benchmarks/loader --quick        # 20,000 rows, one round: does it run
    python benchmarks/loader --plot         # instead: cost against size, as an SVG

Rows, caches and stores are made once below ``--folder`` and found again. Every figure of every contender is taken in a
process of its own, in turns, round by round, and the medians are printed with what they are of the baseline's. Caches
of the system are warm; "cold" means a new process, its imports included. The machine's other work moves the
figures, less so their ratios.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import figures
from far import measure_far
from made_rows import GROUP_ROWS, describe, make, make_floor, make_of_links
from runs import Runs

PACKAGES = ("openenv-tasksets", "datasets", "pyarrow", "huggingface_hub", "msgspec", "orjson", "numpy")
RESULTS = Path(__file__).resolve().parent.parent / "results"
PLOT_SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MOST_MADE = 1_000_000
"""Rows that are all different; more are these, several times."""


@dataclass(slots=True)
class Report:
    """All that one run found, as it is kept."""

    python: str = platform.python_version()
    cores: int = os.cpu_count() or 0
    versions: dict[str, str] = field(
        default_factory=lambda: {name: importlib.metadata.version(name) for name in PACKAGES}
    )
    rows: int = 0
    rounds: int = 0
    data: dict[str, float] = field(default_factory=dict)
    once: dict[str, dict[str, float]] = field(default_factory=dict)
    figures: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    far: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    sizes: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)


def prepared(base: Path, rows: int) -> Path:
    """The folder with so many rows and the floor's form of them, which beyond a million there is none of."""
    folder = base / f"rows-{rows}"
    print(f"{rows:,} rows: making what is not there", file=sys.stderr)
    if rows > MOST_MADE and rows % MOST_MADE == 0:
        make_of_links(folder, prepared(base, MOST_MADE), rows // MOST_MADE)
        return folder
    make(folder, rows)
    make_floor(folder)
    return folder


def take(runs: Runs, report: Report, rounds: int, wanted: list[figures.Figure]) -> None:
    """Take every figure of every contender, round by round."""
    taken: dict[tuple[str, str, str], list[float]] = {}
    for number in range(rounds):
        for figure in wanted:
            for name in figure.contenders:
                print(f"round {number + 1} of {rounds}: {figure.title}: {name}", file=sys.stderr)
                for key, value in runs.take(name, figure).items():
                    taken.setdefault((figure.key, name, key), []).append(value)
    for (key, name, part), values in taken.items():
        report.figures.setdefault(key, {}).setdefault(name, {})[part] = statistics.median(values)


def print_report(report: Report) -> None:
    """Medians and ratios."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    print(f"Python {report.python}, {report.cores} cores; {versions}")
    print(f"{report.rows:,} rows; medians of {report.rounds} rounds; x = times better than the baseline\n")
    for figure in figures.FIGURES:
        if figure.key in report.figures:
            print(figure.table(report.figures[figure.key]))
    for name, seconds in report.once.items():
        print(f"{name}, made once: {seconds['value']:.2f} s, of the processor {seconds['processor']:.2f} s")
    for layout, by_contender in report.far.items():
        for name, far in by_contender.items():
            print(f"first 5 rows of 4 files ({layout}), {name}: {far['mb']:.2f} MB, {far['requests']:.0f} requests")
    print(f"\n{figures.target_table({**report.figures, **report.far, 'build': report.once})}")


def measure_sizes(given: argparse.Namespace, report: Report) -> None:
    """Take the figures of the plot at every size, draw them, and keep them."""
    from plot import draw

    for size in given.sizes:
        sized = Report(rows=size)
        folder = prepared(given.folder, size)
        runs = Runs(folder, given.seconds, size // 2)
        runs.prepare(1)
        wanted = figures.BY_SIZE if size <= MOST_MADE else [each.without("floor") for each in figures.BY_SIZE]
        take(runs, sized, given.rounds, wanted)
        runs.forget()
        medians = {key: {name: parts["value"] for name, parts in by.items()} for key, by in sized.figures.items()}
        report.sizes[str(size)] = medians
        print(f"\n{size:,} rows")
        for figure in wanted:
            print(figure.table(sized.figures[figure.key]))
    draw(report.sizes, given.results / "loader-sizes.svg")


def measure(given: argparse.Namespace, report: Report) -> None:
    """Take every figure at one size, and print them."""
    folder = prepared(given.folder, given.rows)
    report.rows, report.data = given.rows, describe(folder)
    runs = Runs(folder, given.seconds, given.rows // 2)
    report.once = runs.prepare(min(3, given.rounds))
    wanted = [each for each in figures.FIGURES if not given.only or each.key in given.only]
    take(runs, report, given.rounds, wanted)
    if not given.no_far:
        report.far = {
            "far": measure_far(given.folder, given.far_mb, GROUP_ROWS),
            "far, one group": measure_far(given.folder, given.far_mb, None),
        }
    print_report(report)


def main() -> None:
    """Parse the command line, measure, and keep the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    keys = ", ".join(each.key for each in figures.FIGURES)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the taskset")
    parser.add_argument("--rounds", type=int, default=3, help="how often each figure is taken")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long a rate is measured")
    parser.add_argument("--quick", action="store_true", help="20,000 rows, one round of half a second, small files")
    parser.add_argument("--only", nargs="+", metavar="FIGURE", help=f"of {keys}")
    parser.add_argument("--no-far", action="store_true", help="leave out the files over HTTP")
    parser.add_argument("--far-mb", type=int, default=48, help="about how large each of those is")
    parser.add_argument("--plot", action="store_true", help="measure cost against size instead, and draw it")
    parser.add_argument("--sizes", type=int, nargs="+", default=PLOT_SIZES, help="for the plot")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tasksets-bench-loader")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the JSON and the SVG are kept")
    given = parser.parse_args()
    if given.quick:
        given.rows, given.rounds, given.seconds, given.far_mb, given.sizes = 20_000, 1, 0.5, 2, (2_000, 20_000)
    given.results.mkdir(parents=True, exist_ok=True)
    report = Report(rounds=given.rounds)
    (measure_sizes if given.plot else measure)(given, report)
    kept = {slot: value for slot in Report.__slots__ if (value := getattr(report, slot))}
    name = "sizes" if given.plot else str(given.rows)
    (given.results / f"loader-{name}.json").write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
