"""``tasksets export``: a folder from which a container serves the taskset, at the commit that it is now."""

from pathlib import Path
from typing import Annotated

import typer

from openenv_tasksets.cli.options import AllowExecution, AllowSecret, EnvironmentId, TasksetTarget, Wheels

_Space = Annotated[
    Path | None, typer.Option("--space", metavar="DIR", help="Write a Space for the Hub into this folder.")
]
_Docker = Annotated[
    Path | None,
    typer.Option("--docker", metavar="DIR", help="Write a project for any container runtime into this folder."),
]


def export(
    target: TasksetTarget,
    space: _Space = None,
    docker: _Docker = None,
    environment: EnvironmentId = None,
    wheel: Wheels = None,
    allow_execution: AllowExecution = None,
    allow_secret: AllowSecret = None,
) -> None:
    """Write a project that serves a taskset: Dockerfile, pinned requirements, openenv.yaml, README.

    A taskset on the Hub is pinned to its commit and read from there where the project runs; the rows of one in a
    folder become part of the project, hidden columns and all. The requirements are what is installed here. The
    folder must be new or empty; its path is printed.
    """
    from openenv_tasksets.cli.console import say, write
    from openenv_tasksets.consent import Consent
    from openenv_tasksets.export import export_project

    folder = space or docker
    if folder is None or (space is not None and docker is not None):
        raise typer.BadParameter("give one of --space DIR and --docker DIR", param_hint="--space / --docker")
    project = export_project(
        target,
        environment=environment,
        consent=Consent(frozenset(allow_execution or ()), frozenset(allow_secret or ())),
        wheels=tuple(wheel or ()),
        space=space is not None,
    )
    project.write(folder)
    if project.holds_rows:
        say(f"{folder}/taskset holds the rows, hidden columns too: whoever can read it knows the answers")
    say(f"without a container, in that folder: pip install -r requirements.txt && {' '.join(project.command)}")
    write(str(folder))
