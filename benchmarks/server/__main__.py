"""Our server against OpenEnv's, with the same environment and rows, in one run.

    python benchmarks/server [--quick] [--json FILE]

An episode is one reset and one step over ``/ws``. Every server has a process of its own and so has the client, whose
processor time is shown beside the server's: where it is near 100 %, the client is the limit, and the server's time an
episode tells more than its rate. Only one server is asked at a time, in turns; figures are medians.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import sys
import time
from pathlib import Path

PACKAGES = (
    "openenv-tasksets",
    "openenv",
    "uvicorn",
    "fastapi",
    "websockets",
    "pydantic",
    "msgspec",
    "uvloop",
    "httptools",
)


def compare(arguments: argparse.Namespace) -> None:
    """Measure every server, print the tables, and keep the figures."""
    from measure import QUICK, Plan, measure
    from table import write_tables

    plan = QUICK if arguments.quick else Plan()
    if arguments.servers:
        plan = dataclasses.replace(plan, servers=tuple(arguments.servers))
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "busy_before": round(os.getloadavg()[0], 1),
        "versions": versions,
        "plan": dataclasses.asdict(plan),
    }
    print(f"Python {about['python']}, {about['cores']} cores; " + ", ".join(map(" ".join, versions.items())))
    print(f"{about['busy_before']} processes were running or waiting before it began: best is none.")
    print(f"Medians of {plan.rounds} rounds of {plan.seconds:g} s.\n")
    figures = measure(plan, lambda text: print(f"  ... {text}", file=sys.stderr, flush=True))
    write_tables(figures, plan.sessions, print)
    if arguments.json:
        rounded = {
            name: {what: float(f"{value:.4g}") for what, value in each.items()} for name, each in figures.items()
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({**about, "figures": rounded}, indent=1) + "\n")


def main() -> None:
    """Parse the command line; ``--serve`` and ``--client`` are the processes that a comparison starts."""
    parser = argparse.ArgumentParser(prog="benchmarks/server", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="within two minutes, and less exact")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep the figures")
    parser.add_argument("--servers", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--client", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        from load import main as client

        client(arguments.client)
    elif arguments.serve:
        from servers import SERVERS

        SERVERS[arguments.serve][1](arguments.folder, arguments.times)
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
