"""``tasksets verify``: that no hidden answer was changed since its commitment was published."""

from typing import Annotated

import typer

from openenv_tasksets.cli.diff import DIFFERENT


def verify(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE",
            help="The public repository, at the revision whose commitments count: namespace/name[/id][@revision].",
            show_default=False,
        ),
    ],
    hidden_revision: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="Of the private repository. Default: the commit that is declared."),
    ] = None,
) -> None:
    """Compare hidden columns with the commitments to them, task by task.

    It takes a token that may read the private repository. An old revision of the public one proves that nothing was
    changed since; each task that was is printed, and the exit code is 5.
    """
    from openenv_tasksets.cli.console import say, write
    from openenv_tasksets.hidden_repo import verify as verify_reference

    found = verify_reference(reference, hidden_revision=hidden_revision)
    for word, tasks in (("changed", found.changed), ("missing", found.missing)):
        for split, task_id in tasks:
            write(f"{word}: {split} {task_id}")
    say(f"{found.checked:,} tasks compared: {len(found.changed):,} changed, {len(found.missing):,} missing")
    if not found.holds:
        raise typer.Exit(DIFFERENT)
