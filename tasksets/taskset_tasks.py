"""What a taskset is for whoever wants one task: by index, by id, by position. ``Taskset`` inherits it."""

from abc import abstractmethod
from collections.abc import Iterator

from openenv_tasksets.loaders.errors import TaskNotFound
from openenv_tasksets.loaders.order import positions
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task


class TasksetTasks:
    """The part of ``Taskset`` that finds single tasks."""

    _opened: dict[str, Split]

    @abstractmethod
    def __iter__(self) -> Iterator[str]:
        """The names of the splits."""

    @abstractmethod
    def split(self, name: str | None = None) -> Split:
        """The split, opened; None means the default one."""

    def num_tasks(self, split: str) -> int:
        """How many tasks the split has.

        Raises:
            SplitNotFound: No such split.
            SplitEndless: It has no end.
        """
        return len(self.split(split))

    def task(self, split: str, index: int) -> Task:
        """The task at ``index`` in [0, num_tasks(split)).

        Raises:
            SplitNotFound: No such split.
            TaskNotFound: The index is out of range.
            RowError: The row cannot become a task.
        """
        return self.split(split).task(index)

    def is_hot(self, split: str, index: int) -> bool:
        """Whether ``task(split, index)`` reads nothing but memory, or fails at once; False before the split is open."""
        opened = self._opened.get(split)
        return opened is not None and opened.is_hot(index)

    def index_of(self, split: str, task_id: str) -> int:
        """The index of the task with this id. The first call for a split reads its id column once.

        Raises:
            TaskNotFound: No task of the split has this id.
        """
        return self.split(split).index_of(task_id)

    def task_by_id(self, task_id: str, split: str | None = None) -> Task:
        """The task with this id, in ``split`` or, for None, in the first split that has it.

        Raises:
            TaskNotFound: No task has this id.
        """
        if split is not None:
            return self.task(split, self.index_of(split, task_id))
        for name in self:
            try:
                return self.task(name, self.index_of(name, task_id))
            except TaskNotFound:
                continue
        raise TaskNotFound(f"no task with id {task_id!r} in any split ({', '.join(self)})")

    def locate(self, split: str, position: int) -> tuple[int, int]:
        """Epoch and index of a position in [0, 2**63) of the split's endless stream.

        Raises:
            TaskNotFound: The split is empty.
        """
        return self.split(split).order.locate(position)

    def positions(self, start: int = 0, *, shard_index: int = 0, shard_count: int = 1) -> Iterator[int]:
        """The positions from ``start`` on that belong to a shard, endlessly: the seeds to give to reset().

        Every split has the same positions; which task one means is ``locate``'s to say. Shard i of c has the
        positions p with p % c == i, so a new ``shard_count`` may take over at any ``start``.

        Raises:
            ValueError: ``start`` or the shard is out of range.
        """
        return iter(positions(start, shard_index=shard_index, shard_count=shard_count))

    def columns(self, split: str) -> tuple[str, ...]:
        """The columns of the split's files, bound or not."""
        return self.split(split).columns
