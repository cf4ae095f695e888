"""What a taskset is for trainers: a stream of tasks, a table, a torch dataset. ``Taskset`` inherits it."""

import threading
from abc import abstractmethod
from typing import Any

from openenv_tasksets.loaders.stream import AHEAD_BYTES, Stream
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task


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

    def __getstate__(self) -> dict[str, Any]:
        # Another process opens the files anew: what is open here are locks, caches and functions.
        narrowed = {name: (each.served, each.filter_identity) for name, each in self._opened.items()}
        kept = {name: value for name, value in vars(self).items() if name != "_lock"}
        return {**kept, "_opened": {name: each for name, each in narrowed.items() if each[1]}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock(), _opened={})
        for name, (served, filter_identity) in state["_opened"].items():
            self._opened[name] = self.split(name).narrowed(served, filter_identity)
