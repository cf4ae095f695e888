"""Which tasks differ between two states of a taskset, read only where their files differ.

A state is a folder, a commit on the Hub, or a lock. Tasks are the same by their id and split, and have the
same content by their hash; no row is kept. Files with the same hash on both sides are not opened, and so not
fetched, where the binding is the same. Ids made of split and row depend on every file before theirs: then only
the files that both sides begin with are left out, and of these one side tells how many rows they have.

That ids are unique is taken for granted: among files that are not read it cannot be seen.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from openenv_tasksets.declared_binding import content_part, has_commitments, id_column
from openenv_tasksets.loaders.errors import SelectionError, SplitNotFound
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.lock import Lock, read_lock, read_tasks
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.row_files import Unit, unit_keys, units
from openenv_tasksets.task_diff import TaskDiff, compare
from openenv_tasksets.task_hash_file import Tasks

if TYPE_CHECKING:
    from openenv_tasksets.loaders.hub import Hub

_LOCK_END = ".lock"


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

    def count(self, split: str, unit: Unit, /) -> int:
        """How many rows a part has."""
        ...

    def read_part(self, split: str, unit: Unit, first_row: int, tasks: Tasks, /) -> int:
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
        self._tasks = tasks
        self._ids = {split: list(each) for split, each in tasks.items()}
        self._places: dict[str, dict[Unit, range]] = {}
        for split in lock.splits:
            places = self._places[split.name] = {}
            start = 0
            for unit in units(split.files):
                size = split.rows if unit[0].rows is None else unit[0].rows
                places[unit] = range(start, start := start + size)

    @property
    def binding(self) -> Mapping[str, Any]:
        """As ``TaskSource.binding``."""
        return self._lock.binding

    @property
    def split_names(self) -> tuple[str, ...]:
        """As ``TaskSource.split_names``."""
        return tuple(self._places)

    def units(self, split: str) -> tuple[Unit, ...]:
        """As ``TaskSource.units``."""
        return tuple(self._places.get(split, ()))

    def count(self, split: str, unit: Unit, /) -> int:
        """As ``TaskSource.count``."""
        return len(self._places[split][unit])

    def read_part(self, split: str, unit: Unit, _first_row: int, tasks: Tasks, /) -> int:
        """As ``TaskSource.read_part``."""
        place = self._places[split][unit]
        known = self._tasks[split]
        tasks.update((task_id, known[task_id]) for task_id in self._ids[split][place.start : place.stop])
        return len(place)


def open_source(target: str | Path, *, environment: str | None = None, hub: "Hub | None" = None) -> TaskSource:
    """One side of a comparison.

    Args:
        target: A folder or a reference, as ``open_taskset`` tells them apart; or a lock, named ``….lock``.
        environment: Which environment of it; a lock has one.
        hub: The Hub; None takes the one of the environment's variables.

    Raises:
        TasksetError: It cannot be had, as ``open_inventory`` and ``read_lock`` say.
    """
    if "://" in str(target) or not str(target).endswith(_LOCK_END):
        return open_inventory(target, environment=environment, hub=hub)
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
        SelectionError: Only one side has its hidden columns in a private repository.
        TasksetError: A file cannot be had, or a row of it cannot become a task.
    """
    names = list(dict.fromkeys([*before.split_names, *after.split_names]))
    if split is not None and split not in names:
        raise SplitNotFound(f"no split {split!r} on either side{nearest(split, names)}")
    reading = _Reading(before, after)
    pairs = {name: reading.split(name) for name in (names if split is None else [split])}
    return compare({name: old for name, (old, _) in pairs.items()}, {name: new for name, (_, new) in pairs.items()})


class _Reading:
    """What must be read of two sides to know where they differ."""

    def __init__(self, before: TaskSource, after: TaskSource) -> None:
        self._sides = (before, after)
        bindings = (before.binding, after.binding)
        if has_commitments(bindings[0]) != has_commitments(bindings[1]):
            raise SelectionError(
                "one side has its hidden columns in a private repository, and the other one beside the others: all "
                "tasks would differ; compare two revisions of one kind, or their locks"
            )
        self._is_bound_alike = content_part(bindings[0]) == content_part(bindings[1])
        self._has_ids = id_column(bindings[0]) is not None

    def split(self, name: str) -> tuple[Tasks, Tasks]:
        """Some tasks of both sides, among them all that differ."""
        old, new = (side.units(name) for side in self._sides)
        first_row = 0
        if self._is_bound_alike and self._has_ids:
            old, new = _unshared(old, new), _unshared(new, old)
        elif self._is_bound_alike:
            shared = sum(1 for _ in takewhile(_are_alike, zip(old, new, strict=False)))
            first_row = self._rows_of(name, shared) if shared < max(len(old), len(new)) else 0
            old, new = old[shared:], new[shared:]
        return self._read(self._sides[0], name, old, first_row), self._read(self._sides[1], name, new, first_row)

    def _rows_of(self, split: str, number: int) -> int:
        """How many rows the first parts have, which both sides share: told by the side that is near."""
        side = min(self._sides, key=lambda each: each.is_far)
        return sum(side.count(split, unit) for unit in side.units(split)[:number])

    def _read(self, side: TaskSource, split: str, parts: Sequence[Unit], row: int) -> Tasks:
        tasks: Tasks = {}
        for unit in parts:
            row += side.read_part(split, unit, row, tasks)
        return tasks


def _are_alike(pair: tuple[Unit, Unit]) -> bool:
    return not unit_keys(pair[0]).isdisjoint(unit_keys(pair[1]))


def _unshared(units_of_one: Sequence[Unit], units_of_other: Sequence[Unit]) -> tuple[Unit, ...]:
    """The parts of one side that the other does not have, in whatever place."""
    known = frozenset[object]().union(*map(unit_keys, units_of_other))
    return tuple(unit for unit in units_of_one if known.isdisjoint(unit_keys(unit)))
