"""Arguments and options that several subcommands have, said once."""

from pathlib import Path
from typing import Annotated

import typer


def cache_limit(text: str) -> int:
    """Bytes of a size on the command line."""
    from openenv_tasksets.loaders.cache_folder import parse_size

    try:
        return parse_size(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


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
CacheLimit = Annotated[
    int | None,
    typer.Option(
        "--cache-limit",
        metavar="SIZE",
        parser=cache_limit,
        help="What all row stores may take together, such as 500M or 20G; those used least recently go first. 0 makes "
        "none. Default: OPENENV_TASKSETS_CACHE_LIMIT, else 20G.",
        show_default=False,
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
