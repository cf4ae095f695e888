"""What a taskset is for trainers: a stream, a table, torch datasets. ``Taskset`` inherits it."""

import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from openenv_tasksets.loaders.order import positions
from openenv_tasksets.loaders.stream import AHEAD_BYTES, Stream
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task

if TYPE_CHECKING:
    import datasets

    from openenv_tasksets.to_torch import TaskRows, TaskTable


class TasksetStreams:
    """The part of ``Taskset`` that hands out many tasks at once."""

    _lock: threading.Lock
    _opened: dict[str, Split]

    @abstractmethod
    def split(self, name: str | None = None) -> Split:
        """The split, opened; None means the default one."""

    def stream(
        self,
        split: str | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
        shard_index: int = 0,
        shard_count: int = 1,
        ahead_bytes: int = AHEAD_BYTES,
        acknowledge: bool = False,
    ) -> Stream[Task]:
        """The tasks at the positions of a split's stream, read ahead: ``(position, task)`` after ``(position, task)``.

        Args:
            split: None takes the default one.
            start: The first position to consider, in [0, 2**63).
            stop: The position to end before, in [start, 2**63]; None is endless.
            shard_index: Which shard, in [0, shard_count): the positions p with p % shard_count == shard_index.
            shard_count: Of how many; another number may take over, see ``loaders.stream_state.reshard``.
            ahead_bytes: How much to read ahead, about, > 0.
            acknowledge: When a position is done: False, once it is handed out; True, once ``finish`` says so.

        Raises:
            SplitNotFound: No such split.
            TaskNotFound: The split is empty.
            ValueError: A number is out of range.
        """
        tasks = self.split(split)
        return Stream(
            tasks,
            tasks.order,
            tasks.bind,
            start=start,
            stop=stop,
            shard_index=shard_index,
            shard_count=shard_count,
            ahead_bytes=ahead_bytes,
            acknowledge=acknowledge,
        )

    def to_hf(
        self, split: str | None = None, *, stop: int | None = None, hidden: Sequence[str] = ()
    ) -> "datasets.Dataset":
        """A split as a table of the ``datasets`` library, in memory, for trainers that take one.

        Row p is what position p selects: the visible arguments, and ``split``, ``index``, ``task_id`` and ``seed``
        (p itself) to hand on to reset(). Trainers shuffle, repeat and shard such a table themselves; every rank
        shall make the same one.

        Args:
            split: None takes the default one.
            stop: The position to end before, >= 1; None takes one epoch.
            hidden: Names of hidden arguments that the table shall hold too.

        Raises:
            SplitNotFound: No such split.
            TaskNotFound: The split is empty.
            SelectionError: A name of ``hidden`` is no hidden argument.
            SourceError: An argument's values are not of one type.
            RowError: A row cannot become a task.
        """
        from openenv_tasksets.to_hf import to_hf

        return to_hf(self.split(split), stop=stop, hidden=hidden)

    @overload
    def to_torch(
        self,
        split: str | None = ...,
        *,
        iterable: Literal[False] = ...,
        start: int = ...,
        stop: int | None = ...,
        shard_index: int = ...,
        shard_count: int = ...,
        hidden: Sequence[str] = ...,
    ) -> "TaskTable": ...
    @overload
    def to_torch(
        self,
        split: str | None = ...,
        *,
        iterable: Literal[True],
        start: int = ...,
        stop: int | None = ...,
        shard_index: int = ...,
        shard_count: int = ...,
        hidden: Sequence[str] = ...,
    ) -> "TaskRows": ...
    def to_torch(
        self,
        split: str | None = None,
        *,
        iterable: bool = False,
        start: int = 0,
        stop: int | None = None,
        shard_index: int = 0,
        shard_count: int = 1,
        hidden: Sequence[str] = (),
    ) -> "TaskTable | TaskRows":
        """A split as a torch dataset, read when asked for; its rows are those of ``to_hf``, as dicts.

        It knows nothing of ranks: Accelerate and TRL share rows out by themselves, and sharing twice would put two
        tasks into one group. Only a shard that is given here in so many words counts. The workers of a DataLoader
        share the positions of an iterable one; its iterators, and it, have the ``state_dict`` and
        ``load_state_dict`` that torchdata's ``StatefulDataLoader`` asks for.

        Args:
            split: None takes the default one.
            iterable: An iterable dataset, a stream; else a map-style one, with a length.
            start: The first position to consider, in [0, 2**63).
            stop: The position to end before; None is endless, or one epoch from ``start`` on where it is map-style.
            shard_index: Which shard, in [0, shard_count).
            shard_count: Of how many.
            hidden: Names of hidden arguments that the rows shall hold too.

        Raises:
            SplitNotFound: No such split.
            TaskNotFound: The split is empty.
            SelectionError: A name of ``hidden`` is no hidden argument.
            ValueError: A number is out of range.
        """
        from openenv_tasksets.to_torch import TaskRows, TaskTable

        tasks = self.split(split)
        if iterable:
            shard = {"start": start, "stop": stop, "shard_index": shard_index, "shard_count": shard_count}
            return TaskRows(self, tasks.name, hidden, shard)
        last = min(start + tasks.order.size, tasks.order.stop) if stop is None else stop
        own = positions(start, shard_index=shard_index, shard_count=shard_count, stop=last)
        return TaskTable(self, tasks.name, own, hidden)

    def __getstate__(self) -> dict[str, Any]:
        # Another process opens the files anew: what is open here are locks, caches and functions.
        narrowed = {name: (each.served, each.filter_identity) for name, each in self._opened.items()}
        kept = {name: value for name, value in vars(self).items() if name != "_lock"}
        return {**kept, "_opened": {name: each for name, each in narrowed.items() if each[1]}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock(), _opened={})
        for name, (served, filter_identity) in state["_opened"].items():
            self._opened[name] = self.split(name).narrowed(served, filter_identity)
