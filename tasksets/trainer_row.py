"""A task as a row of a trainer's dataset: what the agent may see, and what selects the task in reset()."""

from collections.abc import Sequence
from typing import Any

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task

SELECTORS = ("split", "index", "task_id", "seed")


class TrainerRows:
    """Makes the rows of one split.

    A row has the visible arguments and then ``split``, ``index``, ``task_id`` and ``seed``, the position: alone, it
    selects the same task in any server of the split. A visible argument of such a name gives way: the server uses
    the row's own value all the same.

    Args:
        split: The split.
        hidden: Hidden arguments that the rows shall hold too.

    Raises:
        SelectionError: A name of ``hidden`` is no hidden argument, or a selector's.
    """

    def __init__(self, split: Split, hidden: Sequence[str] = ()) -> None:
        if isinstance(hidden, str):
            raise SelectionError(f"hidden is a list of names, such as [{hidden!r}], not {hidden!r}")
        self.split = split
        self._hidden = tuple(hidden)
        for name in self._hidden:
            if name in SELECTORS:
                raise SelectionError(f"hidden argument {name!r} has the name of a selector; rows cannot hold both")
        if self._hidden and len(split):
            self._check(split.task(0))

    def row(self, position: int, task: Task) -> dict[str, Any]:
        """The row of the task at a position.

        Raises:
            SelectionError: The task has no such hidden argument.
        """
        row = dict(task.visible)
        if self._hidden:
            self._check(task)
            hidden = task.hidden.reveal()
            row.update((name, hidden[name]) for name in self._hidden)
        row.update(split=task.split, index=task.index, task_id=task.id, seed=position)
        return row

    def _check(self, task: Task) -> None:
        there = task.hidden.reveal()
        for name in self._hidden:
            if name not in there:
                raise SelectionError(f"task {task.id!r} has no hidden argument {name!r}{nearest(name, there)}")
