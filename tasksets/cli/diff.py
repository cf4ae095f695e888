"""``tasksets diff``: which tasks differ between two states of a taskset."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openenv_tasksets.cli.options import EnvironmentId

if TYPE_CHECKING:
    from openenv_tasksets.task_diff import TaskDiff

DIFFERENT = 5
"""Exit code where there are differences."""

_MOST_SHOWN = 20
_KINDS = ("added", "removed", "changed", "renamed", "moved")


def diff(
    before: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A folder with environment.yaml, namespace/name[@revision] on the Hub, or a lock (FILE.lock).",
            show_default=False,
        ),
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="Likewise.", show_default=False)],
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="NAME", help="Compare only this split. Default: all; only then are moves between seen."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with every task, none left out.")] = False,
    environment: EnvironmentId = None,
) -> None:
    """List the tasks that were added, removed, changed, renamed (same content) or moved between splits.

    Files that both sides have alike are not read, nor fetched. Exits with 0 where no task differs, and with 5
    where one does.
    """
    from openenv_tasksets.diff import diff as find_differences
    from openenv_tasksets.diff import open_source

    found = find_differences(
        open_source(before, environment=environment), open_source(after, environment=environment), split
    )
    if as_json:
        _write_json(found)
    else:
        _write(found)
    if not found.is_empty:
        raise typer.Exit(DIFFERENT)


def _write(found: "TaskDiff") -> None:
    from openenv_tasksets.cli.console import cell, say, write

    for kind in _KINDS:
        tasks: Sequence[object] = getattr(found, kind)
        if tasks:
            write(f"{kind}: {len(tasks):,}")
        for each in tasks[:_MOST_SHOWN]:
            write(f"  {cell(str(each))}")
        if len(tasks) > _MOST_SHOWN:
            write(f"  … and {len(tasks) - _MOST_SHOWN:,} more; --json lists them all")
    if found.is_empty:
        say("no task differs")


def _write_json(found: "TaskDiff") -> None:
    import json
    from dataclasses import asdict

    from openenv_tasksets.cli.console import write

    lists: dict[str, Any] = asdict(found)
    counts = {kind: len(lists[kind]) for kind in _KINDS}
    write(
        json.dumps(
            {"equal": found.is_empty, "counts": counts, **{kind: lists[kind] for kind in _KINDS}},
            indent=2,
            ensure_ascii=False,
        )
    )
