"""``tasksets push``: a local taskset to the Hub, in one commit; or what that commit would do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openenv_tasksets.cli.options import AllowExecution, AllowSecret, DataDir, Wheels

if TYPE_CHECKING:
    from openenv_tasksets.consent import Consent
    from openenv_tasksets.declaration import Declaration
    from openenv_tasksets.loaders.hub_space import PushedSpace
    from openenv_tasksets.publish import PushResult
    from openenv_tasksets.taskset import Taskset

_SIGNS = {"add": "+", "change": "~", "delete": "-", "same": "="}


def push(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A folder with environment.yaml, or that file; with --space also a reference to the Hub.",
            show_default=False,
        ),
    ],
    repo_id: Annotated[
        str,
        typer.Argument(metavar="REPO", help="NAMESPACE/NAME; created where there is none.", show_default=False),
    ],
    environment: Annotated[
        str | None, typer.Option(metavar="ID", help="Push only the rows of this environment. Default: of all.")
    ] = None,
    data_dir: DataDir = None,
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Who may see a new repository. Default: the Hub's."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Created where there is none. Default: main.")
    ] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    message: Annotated[str | None, typer.Option("--message", "-m", metavar="TEXT", help="Of the commit.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="NAME", help="A new tag for the commit.")] = None,
    hidden_repo: Annotated[
        str | None,
        typer.Option(metavar="REPO", help="A private repository for the columns that only the environment may see."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and upload nothing.")] = False,
    allow_secrets: Annotated[
        bool, typer.Option("--allow-secrets", help="Push also what looks like a token or a key.")
    ] = False,
    space: Annotated[
        bool,
        typer.Option("--space", help="Push a Space that serves the taskset, as export --space writes it, to REPO."),
    ] = False,
    wheel: Wheels = None,
    allow_execution: AllowExecution = None,
    allow_secret: AllowSecret = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Push a taskset to the Hub in one commit: its rows as Parquet, environment.yaml and the card.

    Only what changed is uploaded. Rows that live in another repository stay there. A file starts with + where it
    is new, ~ where it changes, - where it goes, = where it stays.
    """
    from openenv_tasksets.consent import Consent
    from openenv_tasksets.declaration_file import read_declaration
    from openenv_tasksets.publish import push as push_all
    from openenv_tasksets.push_to_hub import push_to_hub
    from openenv_tasksets.taskset import Taskset

    if space:
        _refuse_with_space(data_dir, revision, create_pr, tag, hidden_repo, dry_run, allow_secrets)
        consent = Consent(frozenset(allow_execution or ()), frozenset(allow_secret or ()))
        _push_space(path, repo_id, environment, private, message, tuple(wheel or ()), consent, as_json)
        return
    options: dict[str, Any] = {
        "private": private,
        "revision": revision,
        "create_pr": create_pr,
        "commit_message": message,
        "tag": tag,
        "dry_run": dry_run,
        "allow_secrets": allow_secrets,
    }
    if hidden_repo is not None:
        taskset = Taskset.from_path(path, environment=environment, data_dir=data_dir)
        result = push_to_hub(taskset, repo_id, hidden_repo=hidden_repo, **options)
    else:
        declaration = read_declaration(path)
        tasksets = _tasksets(declaration, path, repo_id, environment, data_dir)
        result = push_all(declaration, tasksets, repo_id, **options)
    if as_json:
        _write_json(result)
    else:
        _write(result, dry_run)


def _refuse_with_space(
    data_dir: Path | None,
    revision: str | None,
    create_pr: bool,
    tag: str | None,
    hidden_repo: str | None,
    dry_run: bool,
    allow_secrets: bool,
) -> None:
    given = {
        "--data-dir": data_dir,
        "--revision": revision,
        "--create-pr": create_pr,
        "--tag": tag,
        "--hidden-repo": hidden_repo,
        "--dry-run": dry_run,
        "--allow-secrets": allow_secrets,
    }
    if names := [name for name, value in given.items() if value]:
        raise typer.BadParameter(f"{', '.join(names)} does not go with it", param_hint="--space")


def _push_space(
    target: str,
    repo_id: str,
    environment: str | None,
    private: bool | None,
    message: str | None,
    wheels: tuple[Path, ...],
    consent: "Consent",
    as_json: bool,
) -> None:
    from openenv_tasksets.cli.console import say
    from openenv_tasksets.export import export_project
    from openenv_tasksets.push_space import push_space

    project = export_project(target, environment=environment, consent=consent, wheels=wheels, space=True)
    pushed = push_space(project, repo_id, private=private, commit_message=message)
    if as_json:
        _write_json(pushed)
    elif pushed.changed:
        say(f"pushed: {pushed.url}")
    else:
        say(f"nothing to push: {pushed.url} has it all")


def _tasksets(
    declaration: "Declaration", path: str, repo_id: str, environment: str | None, data_dir: Path | None
) -> "list[Taskset]":
    """The environments whose rows are beside the file."""
    from openenv_tasksets.publish_plan import is_at_home
    from openenv_tasksets.taskset import Taskset

    wanted = declaration.environments if environment is None else [declaration.environment(environment)]
    return [
        Taskset.from_path(path, environment=each.id, data_dir=data_dir) for each in wanted if is_at_home(each, repo_id)
    ]


def _write_json(result: "PushResult | PushedSpace") -> None:
    import json
    from dataclasses import asdict

    from openenv_tasksets.cli.console import write

    write(json.dumps(asdict(result), indent=2, ensure_ascii=False))


def _write(result: "PushResult", dry_run: bool) -> None:
    from openenv_tasksets.cli.console import say, write

    for file in result.files:
        write(f"{_SIGNS[file.action]} {file.path} ({_size(file.size)})")
    for note in result.notes:
        say(note)
    if not result.changed:
        say(f"nothing to push: {result.url} has it all")
    elif dry_run:
        say("a dry run: nothing was uploaded")
    else:
        say(f"pushed: {result.url}")


def _size(size: int) -> str:
    """Bytes for people."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
