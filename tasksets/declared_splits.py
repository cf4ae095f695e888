"""The splits that a declaration names, and the row files in a folder that hold them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration, SplitDeclaration, named_split
from openenv_tasksets.declaration_file import line_of
from openenv_tasksets.loaders.errors import DeclarationError, Issue, SourceError
from openenv_tasksets.loaders.layout import split_files
from openenv_tasksets.loaders.load import list_files, open_rows, read_card
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.loaders.stores import Stores


def check_has_files(environment: EnvironmentDeclaration) -> None:
    """Make sure that the rows are in files.

    Raises:
        SourceError: They are made by code.
    """
    dataset = environment.dataset
    if dataset is not None and dataset.source is not None:
        raise SourceError(
            f"dataset.source {dataset.source!r}: its rows are made by code, so there are no files of them"
        )


def local_rows(
    environment: EnvironmentDeclaration, folder: Path, data_dir: str | Path | None, stores: Stores
) -> dict[str, Callable[[], Rows]]:
    """What opens each split that there are files for.

    Args:
        environment: Says which files are meant.
        folder: Where its declaration is.
        data_dir: Where the row files are; None means in ``folder``.
        stores: Where their row stores are.

    Raises:
        SourceError: There are no row files, or their splits cannot be made out.
    """
    root = folder if data_dir is None else Path(data_dir)
    if data_dir is not None and not root.is_dir():
        raise SourceError(f"data_dir {str(data_dir)!r} is not a folder")
    files = split_files(
        list_files(root),
        card=read_card(root),
        config_name=environment.config_name,
        data_files=None if environment.dataset is None else environment.dataset.data_files,
    )
    return {name: partial(open_rows, root, names, stores) for name, names in files.items()}


def declared_splits(
    declaration: Declaration, environment: EnvironmentDeclaration, found: Mapping[str, object]
) -> tuple[SplitDeclaration, ...]:
    """The declared splits; where none are declared, all that are found.

    Raises:
        DeclarationError: A declared split is not found, or there is none at all.
    """
    splits = environment.splits or tuple(named_split(name) for name in found)
    path = f"environments[{declaration.environments.index(environment)}].splits"
    if not splits:
        raise DeclarationError([Issue(path, "there are no row files, so there is no split")], declaration.source)
    issues = [
        Issue(f"{path}[{number}]", f"there are no rows for split {each.name!r}{nearest(each.name, found)}")
        for number, each in enumerate(splits)
        if each.name not in found
    ]
    if issues:
        raise DeclarationError([with_line(declaration, issue) for issue in issues], declaration.source)
    return splits


def with_line(declaration: Declaration, issue: Issue, where: str = "") -> Issue:
    """The issue with its line in the file; ``where`` says what it was found in."""
    first, *rest = issue.message.split("\n")
    message = "\n".join([f"{first} ({where})" if where else first, *rest])
    return replace(issue, message=message, line=line_of(declaration, issue.path))
