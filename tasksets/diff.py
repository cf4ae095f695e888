"""Which tasks differ between two states of a taskset, read only where their files differ.

A state is a folder, a commit on the Hub, or a lock. Tasks are the same by their id and split, and have the
same content by their hash; no row is kept. Files with the same hash on both sides are not opened, and so not
fetched, where the binding is the same. Ids made of split and row depend on every file before theirs: then only
the files that both sides begin with are left out.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from openenv_tasksets.declared_binding import content_part, id_column
from openenv_tasksets.inventory import take_inventory
from openenv_tasksets.loaders.errors import SelectionError, SplitNotFound
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.lock import Lock, read_lock, read_tasks
from openenv_tasksets.row_files import Unit, units
from openenv_tasksets.task_hash_file import Tasks

if TYPE_CHECKING:
    from openenv_tasksets.loaders.hub import Hub

_LOCK_END = ".lock"


@dataclass(frozen=True, slots=True, order=True)
class TaskName:
    """A task by the split it is in and its id."""

    split: str
    id: str

    def __str__(self) -> str:
        return f"{self.split}: {self.id}"


@dataclass(frozen=True, slots=True)
class Renaming:
    """A task that is the same, or has the same content, under another name.

    Attributes:
        before: Its name on the first side.
        after: Its name on the second.
        is_changed: Whether its content is another one too; only of a task that moved under the same id.
    """

    before: TaskName
    after: TaskName
    is_changed: bool = False

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}" + (" (changed)" if self.is_changed else "")


@dataclass(frozen=True, slots=True)
class TaskDiff:
    """The differences, each in the order of splits and rows; a task is in one of them at most.

    Attributes:
        added: Tasks with a new id and new content.
        removed: Tasks whose id and content are gone.
        changed: The same id in the same split, with other content.
        renamed: The same content under another id.
        moved: The same id in another split.
    """

    added: tuple[TaskName, ...] = ()
    removed: tuple[TaskName, ...] = ()
    changed: tuple[TaskName, ...] = ()
    renamed: tuple[Renaming, ...] = ()
    moved: tuple[Renaming, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no difference."""
        return not (self.added or self.removed or self.changed or self.renamed or self.moved)


class TaskSource(Protocol):
    """One side of a comparison; ``Inventory`` is one."""

    @property
    def binding(self) -> Mapping[str, Any]:
        """What is declared of rows and tasks."""
        ...

    @property
    def is_far(self) -> bool:
        """Whether ``count`` and ``read_part`` fetch files."""
        ...

    @property
    def split_names(self) -> tuple[str, ...]:
        """Names of the splits."""
        ...

    def units(self, split: str) -> tuple[Unit, ...]:
        """The parts of a split; none where there is no such split."""
        ...

    def count(self, split: str, number: int) -> int:
        """How many rows a part has."""
        ...

    def read_part(self, split: str, number: int, first_row: int, tasks: dict[str, bytes]) -> int:
        """Add ids and hashes of a part to ``tasks``, and tell how many rows it has."""
        ...


class LockedTasks:
    """A lock with its task hashes, as one side of a comparison.

    Args:
        lock: The lock.
        tasks: Its task hashes.
    """

    is_far = False

    def __init__(self, lock: Lock, tasks: Mapping[str, Tasks]) -> None:
        self._lock = lock
        self._splits = {split.name: split for split in lock.splits}
        self._tasks = tasks

    @property
    def binding(self) -> Mapping[str, Any]:
        """As ``TaskSource.binding``."""
        return self._lock.binding

    @property
    def split_names(self) -> tuple[str, ...]:
        """As ``TaskSource.split_names``."""
        return tuple(self._splits)

    def units(self, split: str) -> tuple[Unit, ...]:
        """As ``TaskSource.units``."""
        return units(self._splits[split].files) if split in self._splits else ()

    def count(self, split: str, number: int) -> int:
        """As ``TaskSource.count``."""
        rows = self.units(split)[number][0].rows
        return self._splits[split].rows if rows is None else rows

    def read_part(self, split: str, number: int, _first_row: int, tasks: dict[str, bytes]) -> int:
        """As ``TaskSource.read_part``."""
        start = sum(self.count(split, each) for each in range(number))
        size = self.count(split, number)
        tasks.update(islice(self._tasks[split].items(), start, start + size))
        return size


def open_source(target: str | Path, *, environment: str | None = None, hub: "Hub | None" = None) -> TaskSource:
    """One side of a comparison.

    Args:
        target: A folder or a reference, as ``open_taskset`` tells them apart; or a lock, named ``….lock``.
        environment: Which environment of it; a lock has one.
        hub: The Hub; None takes the one of the environment's variables.

    Raises:
        TasksetError: It cannot be had, as ``take_inventory`` and ``read_lock`` say.
    """
    if "://" in str(target) or not str(target).endswith(_LOCK_END):
        return take_inventory(target, environment=environment, hub=hub)
    lock = read_lock(Path(target))
    if environment is not None and environment.lower() != lock.environment.lower():
        raise SelectionError(f"{target}: is a lock of environment {lock.environment!r}, not of {environment!r}")
    return LockedTasks(lock, read_tasks(Path(target), lock))


def diff(before: TaskSource, after: TaskSource, split: str | None = None) -> TaskDiff:
    """The tasks that differ.

    Args:
        before: The first side.
        after: The second side.
        split: Compare only this split; None compares all.

    Raises:
        SplitNotFound: Neither side has the split.
        TasksetError: A file cannot be had, or a row of it cannot become a task.
    """
    names = list(dict.fromkeys([*before.split_names, *after.split_names]))
    if split is not None and split not in names:
        raise SplitNotFound(f"no split {split!r} on either side{nearest(split, names)}")
    old: dict[str, Tasks] = {}
    new: dict[str, Tasks] = {}
    for name in names if split is None else [split]:
        numbers = _differing(before, after, name)
        first_row = _first_row(before, after, name, numbers)
        old[name] = _read(before, name, numbers[0], first_row)
        new[name] = _read(after, name, numbers[1], first_row)
    return compare(old, new)


def compare(before: Mapping[str, Tasks], after: Mapping[str, Tasks]) -> TaskDiff:
    """The differences between ids and hashes by split, each in the order given."""
    changed: list[TaskName] = []
    gone: list[tuple[TaskName, bytes]] = []
    new = [
        (TaskName(split, task_id), hashed)
        for split, tasks in after.items()
        for task_id, hashed in tasks.items()
        if task_id not in before.get(split, ())
    ]
    for split, tasks in before.items():
        there = after.get(split, {})
        for task_id, hashed in tasks.items():
            if task_id not in there:
                gone.append((TaskName(split, task_id), hashed))
            elif there[task_id] != hashed:
                changed.append(TaskName(split, task_id))
    # What agrees in more is found first: a task is matched once.
    same, gone, new = _matched(gone, new, lambda name, hashed: (name.id, hashed))
    moved, gone, new = _matched(gone, new, lambda name, _hashed: name.id)
    within, gone, new = _matched(gone, new, lambda name, hashed: (name.split, hashed))
    renamed, gone, new = _matched(gone, new, lambda _name, hashed: hashed)
    return TaskDiff(
        added=tuple(name for name, _ in new),
        removed=tuple(name for name, _ in gone),
        changed=tuple(changed),
        renamed=tuple(Renaming(*pair) for pair in (*within, *renamed)),
        moved=(*(Renaming(*pair) for pair in same), *(Renaming(*pair, is_changed=True) for pair in moved)),
    )
