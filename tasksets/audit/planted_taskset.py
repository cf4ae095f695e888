"""A taskset in which the hidden values of single tasks can be replaced while a server serves it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from openenv_tasksets.binding import Binds, RowPlace
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.loaders.rows import Row
from openenv_tasksets.split import Split
from openenv_tasksets.task import Hidden, Task
from openenv_tasksets.taskset import Taskset

_Key = tuple[str, int]


class _Plants:
    """What stands in place of which row's hidden values, and whether anybody has bound it since."""

    def __init__(self) -> None:
        self.hidden: dict[_Key, Mapping[str, Any]] = {}
        self.used: set[_Key] = set()

    def apply(self, task: Task) -> Task:
        key = (task.split, task.row)
        if key not in self.hidden:
            return task
        self.used.add(key)
        return Task(
            id=task.id,
            split=task.split,
            index=task.index,
            row=task.row,
            visible=task.visible,
            public=task.public,
            hidden=Hidden({**task.hidden.reveal(), **self.hidden[key]}),
            gold=task.gold,
        )


class PlantedTaskset(Taskset):
    """Another taskset's tasks, with other hidden values where some are planted.

    Everything else is as it is there: ids, order, positions, visible and public values.

    Args:
        original: Where the tasks are from.
    """

    def __init__(self, original: Taskset) -> None:
        super().__init__(
            original.declaration,
            original.environment,
            original.splits,
            {},
            default_split=original.default_split,
            reference=original.reference,
        )
        self._original = original
        self._plants = _Plants()
        self._planted: dict[str, Split] = {}

    def split(self, name: str | None = None) -> Split:
        """As ``Taskset.split``."""
        name = self.resolve_split(name)
        if name not in self._planted:
            self._planted[name] = _planted_split(self._original.split(name), self._plants)
        return self._planted[name]

    @contextmanager
    def planted(self, task: Task, hidden: Mapping[str, Any]) -> Iterator[None]:
        """Within it the task has these hidden values in place of its own of the same names.

        Raises:
            TasksetError: Nobody bound the task's row: nothing that was seen meanwhile says anything of it.
        """
        key = (task.split, task.row)
        self._plants.hidden[key] = hidden
        self._plants.used.discard(key)
        try:
            yield
            if hidden and key not in self._plants.used:
                raise TasksetError(f"task {task.id!r} was played without the values that the audit planted")
        finally:
            del self._plants.hidden[key]


class _PlantedBinding:
    """A binding like another one, but for what is planted."""

    def __init__(self, original: Binds, plants: _Plants) -> None:
        self._original = original
        self._plants = plants

    def bind(self, row: Row, index: int, place: RowPlace) -> Task:
        return self._plants.apply(self._original.bind(row, index, place))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _planted_split(original: Split, plants: _Plants) -> Split:
    # The binding is the one place that every way to a task leads through.
    split = Split(
        name=original.name,
        type=original.type,
        rows=original.rows,
        binding=cast("Binds", _PlantedBinding(original.binding, plants)),
        order_kind=original.order_kind,
        identity=original._identity,
        served=original._served,
        filter_identity=original.filter_identity,
    )
    split.columns = original.columns
    return split
