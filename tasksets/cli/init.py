"""``tasksets init``: a first environment.yaml, drafted from a dataset's columns and first rows."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from openenv_tasksets.draft import Draft, Line
    from openenv_tasksets.loaders.hub import Hub
    from openenv_tasksets.loaders.rows import Rows

FILE_NAME = "environment.yaml"
_LOOKED_AT = 50
_COMMENT_COLUMN = 48
_MIN_VERSION = ">=0.10.0"


def init(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="A folder with row files, or a dataset on the Hub, yours or not: namespace/name[@revision].",
            show_default=False,
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where to write; - is stdout. Default: environment.yaml in the folder, or in a new folder with the "
            "name of the dataset.",
        ),
    ] = None,
    environment: Annotated[
        str, typer.Option(metavar="NAME", help="The installed environment that is to run the tasks.")
    ] = "answer",
    environment_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The environment's id. Default: the folder's name.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which config of the dataset card, where it has several.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file where there is one.")] = False,
) -> None:
    """Draft an environment.yaml from the row files of a dataset.

    Their columns and first rows say how a row becomes a task; where they do not, the draft says what to fill in.
    """
    from openenv_tasksets.cli.console import say
    from openenv_tasksets.loaders.errors import TasksetError

    if environment_id is not None:
        _check_id(environment_id)
    dataset = hub_dataset(source, config) if _is_reference(source) else _folder_dataset(Path(source), config)
    target = None if output == "-" else Path(output or dataset.folder / FILE_NAME)
    if target is not None and target.exists() and not force:
        raise TasksetError(f"{target} exists; --force overwrites it, --output - prints the draft")
    text = draft_file(dataset, environment, environment_id, config)
    if target is None:
        sys.stdout.write(text)
        return
    try:
        if output is None:
            dataset.folder.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise TasksetError(f"{target}: cannot be written: {exc.strerror}") from exc
    say(f"wrote {target}: a start to edit\nnext: tasksets validate {target}")


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a draft is made from.

    Attributes:
        name: What an id is made of.
        folder: Where the draft goes.
        splits: The rows of every split; of a dataset on the Hub only those of its first file.
        origin: The lines of the declaration that say where the rows are; none where they are in ``folder``.
    """

    name: str
    folder: Path
    splits: "dict[str, Rows]"
    origin: "tuple[Line, ...]" = ()


def draft_file(dataset: Dataset, environment: str, environment_id: str | None, config: str | None) -> str:
    """The text of a drafted environment.yaml.

    Args:
        dataset: What it is made from.
        environment: Name of the installed environment.
        environment_id: Its id in the file; None makes one of the folder's name.
        config: The dataset card's config; None is its default one.

    Raises:
        SourceError: There are no row files, or they cannot be read.
        EnvironmentNotFound: No installed package offers the environment.
    """
    from openenv_tasksets.checkers import CHECKERS
    from openenv_tasksets.draft import quoted

    package = _package_of(environment)
    splits = dataset.splits
    draft = _draft(environment, package, max(splits.values(), key=lambda rows: len(rows.columns)))
    fitting = [name for name, rows in splits.items() if draft.columns <= set(rows.columns)]
    left_out = [name for name in splits if name not in fitting]
    lines: list[Line] = [
        ("spec_version: hf-rl-env-0.1", ""),
        ("environments:", ""),
        (f"  - id: {quoted(environment_id or _slug(dataset.name))}", "its name on the server"),
    ]
    if config is not None:
        lines.append((f"    config_name: {quoted(config)}", "config of the dataset card"))
    lines += dataset.origin
    without = f"left out for want of the columns: {', '.join(left_out)}" if left_out else ""
    lines.append((f"    splits: [{', '.join(map(quoted, fitting))}]", without))
    lines += [(f"    {text}", comment) for text, comment in draft.lines]
    lines += [
        ("    frameworks:", ""),
        ("      openenv:", ""),
        (f'        min_version: "{_MIN_VERSION}"', "of OpenEnv"),
        (f"        package: {package}", "an installed package"),
        (f"        environment: {quoted(environment)}", "which environment of that package"),
    ]
    if draft.arguments:
        arguments = ", ".join(f"{name}: {value}" for name, value in draft.arguments.items())
        lines.append((f"        arguments: {{{arguments}}}", f"checkers: {', '.join(CHECKERS)}"))
    head = "# Which rows make which tasks, and which environment runs them.\n"
    return head + "".join(map(_rendered, lines))


def _package_of(environment: str) -> str:
    """The installed package that offers the environment."""
    from importlib.metadata import entry_points

    from openenv_tasksets.installed import GROUP
    from openenv_tasksets.loaders.errors import EnvironmentNotFound
    from openenv_tasksets.loaders.spelling import nearest

    offered = {point.name: point.dist.name for point in entry_points(group=GROUP) if point.dist is not None}
    if environment not in offered:
        raise EnvironmentNotFound(f"no environment {environment!r} is installed{nearest(environment, offered)}")
    return offered[environment]


def _is_reference(source: str) -> bool:
    from openenv_tasksets.open_taskset import is_reference

    return is_reference(source)


def _folder_dataset(path: Path, config: str | None) -> Dataset:
    from openenv_tasksets.loaders.errors import SourceError
    from openenv_tasksets.loaders.layout import split_files
    from openenv_tasksets.loaders.load import list_files, open_rows, read_card

    found, card = list_files(path), read_card(path)
    try:
        files = split_files(found, card=card, config_name=config)
    except SourceError as exc:
        raise SourceError(f"{path}: {exc.message}") from exc
    return Dataset(path.resolve().name, path, {name: open_rows(path, names) for name, names in files.items()})


def hub_dataset(source: str, config: str | None, hub: "Hub | None" = None) -> Dataset:
    """A dataset on the Hub, of which the first file of each split is fetched.

    Args:
        source: Its reference; a branch is resolved once, and its commit is the draft's pin.
        config: The dataset card's config; None is its default one.
        hub: None takes the Hub of the environment's variables.

    Raises:
        HubError: There is no such dataset or revision, or no answer.
        SourceError: There are no row files, or they cannot be read.
    """
    from openenv_tasksets.loaders.hub import Hub
    from openenv_tasksets.loaders.reference import DatasetReference
    from openenv_tasksets.loaders.snapshot import Snapshot

    snapshot = Snapshot.at(hub or Hub(), DatasetReference.parse(source))
    splits = {name: snapshot.open_rows(names[:1]) for name, names in snapshot.split_files(config).items()}
    name = snapshot.repo_id.split("/")[1]
    origin = (
        ("    dataset:", "where the rows are"),
        (f"      repo_id: {snapshot.repo_id}", ""),
        (f"      revision: {snapshot.commit_hash}", "a pin: these rows and no others"),
    )
    return Dataset(name, Path(name), splits, origin)


def _draft(environment: str, package: str, rows: "Rows") -> "Draft":
    from openenv_tasksets.declaration import EnvironmentDeclaration
    from openenv_tasksets.draft import draft_answer, draft_arguments
    from openenv_tasksets.environment import accepts
    from openenv_tasksets.installed import find_environment

    if (package, environment) == ("openenv-tasksets", "answer"):
        return draft_answer(rows.columns, [rows[index] for index in range(min(len(rows), _LOOKED_AT))])
    runtime = {"min_version": _MIN_VERSION, "package": package, "environment": environment}
    declared = EnvironmentDeclaration.from_dict({"id": "draft", "frameworks": {"openenv": runtime}})
    return draft_arguments(rows.columns, accepts(find_environment(declared).reset, skip_self=True))


def _check_id(environment_id: str) -> None:
    from openenv_tasksets.declaration import ENVIRONMENT_ID
    from openenv_tasksets.declaration_issues import Wrong

    try:
        ENVIRONMENT_ID.check(environment_id)
    except Wrong as exc:
        raise typer.BadParameter(exc.mistakes[0].message, param_hint="--id") from exc


def _slug(folder: str) -> str:
    """An environment id made of a folder's name."""
    from openenv_tasksets.declaration import RESERVED_IDS

    slug = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-") or "tasks"
    return f"{slug}-tasks" if slug in RESERVED_IDS else slug


def _rendered(line: "Line") -> str:
    text, comment = line
    return f"{text:<{_COMMENT_COLUMN - 2}}  # {comment}\n" if comment else f"{text}\n"
