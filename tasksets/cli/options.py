"""Arguments and options that several subcommands have, said once."""

from pathlib import Path
from typing import Annotated

import typer

TARGET_HELP = "a folder with environment.yaml, that file, or a reference to the Hub: namespace/name[/id][@revision]"
TasksetTarget = Annotated[
    str,
    typer.Argument(metavar="TASKSET", help=f"{TARGET_HELP[0].upper()}{TARGET_HELP[1:]}.", show_default=False),
]
EnvironmentId = Annotated[
    str | None,
    typer.Option("--environment", metavar="ID", help="Which environment of the file, where it has several."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="The folder with the row files, where they are not beside the file."
    ),
]
SplitName = Annotated[str | None, typer.Option("--split", metavar="NAME", help="Default: train, else the first one.")]
Conditions = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Only tasks whose public value passes: 'topic=algebra', 'topic=algebra,geometry' (one of them), "
        "'topic!=algebra', 'level>=3' (also < <= >). May be given several times; all must pass.",
    ),
]
AllowExecution = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="Let this environment execute code from its rows; repeatable."),
]
AllowSecret = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Let environments have this environment variable; repeatable."),
]
Wheels = Annotated[
    list[Path] | None,
    typer.Option("--wheel", metavar="FILE", help="A wheel to install, of a package that no index has; repeatable."),
]
