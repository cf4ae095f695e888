"""Which columns of a taskset anyone may have, and which only the environment: by what the binding does with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openenv_tasksets.column_path import ColumnPath
from openenv_tasksets.commitment import COMMITMENT_COLUMN, NONCE_COLUMN
from openenv_tasksets.declaration import (
    Argument,
    ColumnArgument,
    Declaration,
    EnvironmentDeclaration,
    TaskDeclaration,
    TemplateArgument,
)
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.template import parse_template


@dataclass(frozen=True, slots=True)
class ColumnHalves:
    """The columns of a split, divided.

    Attributes:
        public: Those that ids, visible arguments and public values come from.
        hidden: All others.
        id: The one that ids come from, which both halves have.
    """

    public: tuple[str, ...]
    hidden: tuple[str, ...]
    id: str


def divide(environment: EnvironmentDeclaration, columns: Sequence[str]) -> ColumnHalves:
    """Divide the columns.

    Args:
        environment: Says by its ``task`` block who may see what.
        columns: Every column of the files.

    Raises:
        SourceError: They cannot be divided: no ids, nothing hidden, or a column that is both.
    """
    task = environment.task
    if task is None or task.id is None:
        raise SourceError("hidden columns are joined to the others by task id: name its column in task.id")
    if not task.reset:
        raise SourceError("task.reset does not say which argument comes from which column, so none can be hidden")
    whole_row = not isinstance(task.reset, Mapping)
    arguments = _arguments(task, columns)
    seen = {name for argument in task.visible for name in _columns_of(arguments[argument], columns)}
    for text in (task.id, task.difficulty, task.group, *task.public):
        if text is not None:
            seen |= _top(text, columns)
    secret = set(columns) - seen if whole_row else set()
    unseen = {} if whole_row else {name: each for name, each in arguments.items() if name not in task.visible}
    for name, argument in (unseen | {f"gold.{name}": each for name, each in task.gold.items()}).items():
        if both := sorted(_columns_of(argument, columns) & seen):
            raise SourceError(
                f"column {both[0]!r} makes {name!r}, which is hidden, and something that is not; "
                "divide it into two columns"
            )
        secret |= _columns_of(argument, columns)
    if not secret:
        raise SourceError("nothing is hidden: every bound column is visible or public")
    for name in (COMMITMENT_COLUMN, NONCE_COLUMN):
        if name in columns:
            raise SourceError(f"there is a column {name!r} already; rename it")
    return ColumnHalves(
        public=tuple(name for name in columns if name in seen),
        hidden=tuple(name for name in columns if name not in seen),
        id=next(iter(_top(task.id, columns))),
    )


def public_half(declaration: Declaration, environment: EnvironmentDeclaration) -> Declaration:
    """A declaration of the one environment, which needs no hidden column: tasks lack the hidden arguments."""
    task = environment.task
    if task is None:
        return declaration
    half = environment.replace(task=_shown_task(task))
    return declaration.replace(environments=(half,))


def committed_task(environment: EnvironmentDeclaration) -> TaskDeclaration | None:
    """What anyone can know of a task: where hidden columns are elsewhere, the commitment stands for their values."""
    if environment.task is None or environment.dataset is None or environment.dataset.hidden is None:
        return environment.task
    task = _shown_task(environment.task)
    return task.replace(public=(*task.public, COMMITMENT_COLUMN))


def _shown_task(task: TaskDeclaration) -> TaskDeclaration:
    reset = {name: each for name, each in _arguments(task, task.visible).items() if name in task.visible}
    # Without any argument the binding would look for RFC 006's columns.
    reset = reset or {"task_id": ColumnArgument(column=task.id or "task_id")}
    seen = [text for argument in reset.values() for text in _paths_of(argument)]
    seen += [text for text in (task.id, task.difficulty, task.group, *task.public) if text is not None]
    decoded = tuple(text for text in task.json_columns if any(_is_within(text, each) for each in seen))
    return task.replace(reset=reset, gold={}, json_columns=decoded)


def _is_within(one: str, other: str) -> bool:
    """Whether one path leads to the other, or to something inside of it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _arguments(task: TaskDeclaration, columns: Sequence[str]) -> dict[str, Argument]:
    if isinstance(task.reset, Mapping):
        return dict(task.reset)
    return {name: ColumnArgument(column=name) for name in columns}


def _columns_of(argument: Argument, columns: Sequence[str]) -> set[str]:
    return {name for text in _paths_of(argument) for name in _top(text, columns)}


def _paths_of(argument: Argument) -> tuple[str, ...]:
    match argument:
        case ColumnArgument(column=column):
            return (column,)
        case TemplateArgument(template=template):
            return tuple(parse_template(template).columns)
    return ()


def _top(text: str, columns: Sequence[str]) -> set[str]:
    """The top-level column of a path; none where there is no such column, which the binding reports."""
    found = ColumnPath.parse(text, columns)
    return set() if found is None else {found.column}
