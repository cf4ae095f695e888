"""OpenEnv's Task API over a taskset: the five methods of its ``TaskProvider`` protocol."""

from typing import Any

from openenv_tasksets.loaders.errors import SelectionError, TaskNotFound
from openenv_tasksets.taskset import Taskset

MAX_PAGE = 1000


class TaskProvider:
    """Lists a taskset's tasks without any hidden or visible value: id, split, index, row, public columns.

    Args:
        taskset: The tasks.
    """

    def __init__(self, taskset: Taskset) -> None:
        self._taskset = taskset

    def list_splits(self) -> list[dict[str, str]]:
        """Name and type of every split."""
        return [{"name": split.name, "type": split.type} for split in self._taskset.splits]

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """The first 1,000 task specs; ``num_tasks`` has the true number, if there is an end to them.

        Raises:
            SplitNotFound: No such split.
        """
        return self.get_task_range(split, 0, MAX_PAGE)

    def num_tasks(self, split: str) -> int:
        """How many tasks the split has.

        Raises:
            SplitNotFound: No such split.
            SplitEndless: It has no end; also a NotImplementedError, as OpenEnv wants it.
        """
        return self._taskset.num_tasks(split)

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """One task's spec.

        Raises:
            SplitNotFound: No such split.
            TaskNotFound: ``index`` is outside [0, num_tasks(split)); also an IndexError.
        """
        return self._taskset.task(split, index).spec()

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[dict[str, Any]]:
        """The specs of [start, stop), at most 1,000; ``stop`` may lie past the end.

        Raises:
            SplitNotFound: No such split.
            TaskNotFound: A negative bound.
            SelectionError: A longer range; or one to the end, where there is none.
        """
        size = self._taskset.num_tasks(split) if stop is None else len(self._taskset.split(split).indices)
        first, last = 0 if start is None else start, size if stop is None else min(stop, size)
        if first < 0 or (stop is not None and stop < 0):
            raise TaskNotFound(f"a task range has bounds of 0 or more, not [{start}, {stop})")
        if last - first > MAX_PAGE:
            raise SelectionError(
                f"a task range is at most {MAX_PAGE} tasks, not {last - first}; ask for a page at a time"
            )
        return [self.get_task(split, index) for index in range(first, last)]
