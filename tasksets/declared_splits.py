"""The splits that a declaration names, the row files in a folder that hold them, and one of them opened."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from openenv_tasksets.binding import compile_binding
from openenv_tasksets.declaration import (
    Declaration,
    EnvironmentDeclaration,
    SplitDeclaration,
    TaskDeclaration,
    named_split,
)
from openenv_tasksets.declaration_file import line_of
from openenv_tasksets.field_path import field_path
from openenv_tasksets.loaders.errors import DeclarationError, Issue, SourceError
from openenv_tasksets.loaders.layout import Splits, split_files
from openenv_tasksets.loaders.load import list_files, open_rows, read_card
from openenv_tasksets.loaders.order import MAX_SIZE
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.split import Split


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
    return {name: partial(open_rows, root, names, stores) for name, names in local_files(environment, root).items()}


def local_files(environment: EnvironmentDeclaration, root: Path) -> Splits:
    """Paths below ``root`` of each split's files, in the order of the rows.

    Raises:
        SourceError: There are no row files, or their splits cannot be made out.
    """
    return split_files(
        list_files(root),
        card=read_card(root),
        config_name=environment.config_name,
        data_files=None if environment.dataset is None else environment.dataset.data_files,
    )


def declared_splits(
    declaration: Declaration, environment: EnvironmentDeclaration, found: Mapping[str, object]
) -> tuple[SplitDeclaration, ...]:
    """The declared splits; where none are declared, all that are found.

    Raises:
        DeclarationError: A declared split is not found, there is none at all, or an order is for another.
    """
    splits = environment.splits or tuple(named_split(name) for name in found)
    number = declaration.environments.index(environment)
    path = f"environments[{number}].splits"
    if not splits:
        raise DeclarationError([Issue(path, "there are no row files, so there is no split")], declaration.source)
    issues = [
        Issue(f"{path}[{place}]", f"there are no rows for split {each.name!r}{nearest(each.name, found)}")
        for place, each in enumerate(splits)
        if each.name not in found
    ]
    names = [each.name for each in splits]
    order = None if environment.task is None else environment.task.order
    # Where splits are declared, this was checked with them.
    issues += [
        Issue(field_path(("environments", number, "task", "order", name)), f"no split {name!r}{nearest(name, names)}")
        for name in (order if isinstance(order, Mapping) else ())
        if name not in names
    ]
    if issues:
        raise DeclarationError([with_line(declaration, issue) for issue in issues], declaration.source)
    return splits


def open_split(
    declaration: Declaration,
    environment: EnvironmentDeclaration,
    split: SplitDeclaration,
    rows: Rows,
    shuffle_seed: int,
) -> Split:
    """A split whose rows are bound as its environment declares it.

    Args:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it.
        split: Name and type.
        rows: Its rows, with all columns.
        shuffle_seed: Another number gives other shuffled orders.

    Raises:
        DeclarationError: The binding does not fit the columns, or the order the rows.
    """
    task = environment.task or TaskDeclaration()
    path = f"environments[{declaration.environments.index(environment)}].task"
    order_kind = task.order_for(split)
    try:
        if len(rows) > MAX_SIZE and task.orders(split) not in (None, "sequential"):
            raise DeclarationError([Issue(f"{path}.order", "rows without end come in order; leave it out")])
        binding = compile_binding(environment.task, rows.columns, path)
    except DeclarationError as exc:
        issues = [with_line(declaration, issue, f"split {split.name!r}") for issue in exc.issues]
        raise DeclarationError(issues, declaration.source) from None
    return Split(
        name=split.name,
        type=split.type,
        rows=rows,
        binding=binding,
        order_kind=order_kind,
        identity=(environment.id, environment.config_name or "", str(shuffle_seed)),
    )


def with_line(declaration: Declaration, issue: Issue, where: str = "") -> Issue:
    """The issue with its line in the file; ``where`` says what it was found in."""
    first, *rest = issue.message.split("\n")
    message = "\n".join([f"{first} ({where})" if where else first, *rest])
    return replace(issue, message=message, line=line_of(declaration, issue.path))
