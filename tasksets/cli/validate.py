"""``tasksets validate``: every mistake in a taskset, with its line; or what was checked."""

from typing import TYPE_CHECKING, Annotated

import typer

from openenv_tasksets.cli.options import DataDir, TasksetTarget

if TYPE_CHECKING:
    from openenv_tasksets.cli.check import Report


def validate(
    target: TasksetTarget,
    environment: Annotated[
        str | None, typer.Option(metavar="ID", help="Check only this environment. Default: all of the file.")
    ] = None,
    data_dir: DataDir = None,
    rows: Annotated[
        str, typer.Option(metavar="N|all", help="How many rows of each split; all also looks for double ids.")
    ] = "100",
    text_only: Annotated[
        bool, typer.Option("--text-only", help="Check only the file: open no rows, import no environment.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a taskset and print every mistake with its line.

    Checked are the file, the columns it names, the environment that is to run it, and the first rows of each
    split. Without a mistake, what the splits hold is printed.
    """
    most_rows = _row_count(rows)
    from openenv_tasksets.cli.check import check, check_text

    if text_only:
        report = check_text(target, environment=environment)
    else:
        report = check(target, environment=environment, data_dir=data_dir, most_rows=most_rows)
    if as_json:
        _write_json(report)
    else:
        _write(report)
    if report.findings:
        raise typer.Exit(1)


def _row_count(text: str) -> int | None:
    if text == "all":
        return None
    if not (text.isascii() and text.isdecimal()):
        raise typer.BadParameter(f"{text!r} is neither a whole number nor 'all'", param_hint="--rows")
    return int(text)


def _write_json(report: "Report") -> None:
    import json
    from dataclasses import asdict

    from openenv_tasksets.cli.console import write

    write(json.dumps({"ok": not report.findings, **asdict(report)}, indent=2, ensure_ascii=False))


def _write(report: "Report") -> None:
    from openenv_tasksets.cli.console import say, write

    for finding in report.findings:
        write(str(finding))
    for each in () if report.findings else report.splits:
        tasks = "endless" if each.tasks is None else f"{each.tasks:,}"
        write(f"{each.environment}, split {each.split} ({each.type}): {tasks} tasks, {each.checked:,} bound")
        for name in ("columns", "visible", "hidden", "public"):
            write(f"  {name}: {', '.join(getattr(each, name)) or '-'}")
    for note in report.notes:
        say(note)
    number = len(report.findings)
    say("ok" if not number else "1 mistake" if number == 1 else f"{number} mistakes")
