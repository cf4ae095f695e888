"""``Taskset.to_torch``: a split as torch datasets, map-style and iterable. Nothing else imports torch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from torch.utils.data import Dataset, IterableDataset, get_worker_info

from openenv_tasksets.loaders.errors import StateRefused
from openenv_tasksets.loaders.stream import Stream
from openenv_tasksets.task import Task
from openenv_tasksets.trainer_row import TrainerRows

if TYPE_CHECKING:
    from openenv_tasksets.taskset_streams import TasksetStreams


class TaskTable(Dataset):  # type: ignore[misc]  # torch is not there where types are checked
    """Some positions of a split, as plain dicts; see ``Taskset.to_torch``."""

    def __init__(self, taskset: "TasksetStreams", split: str, positions: range, hidden: Sequence[str]) -> None:
        self._taskset = taskset
        self._split = split
        self._hidden = tuple(hidden)
        self._opened: TrainerRows | None = TrainerRows(taskset.split(split), hidden)
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """The rows at some places: what torch asks for a batch."""
        positions = [self._positions[place] for place in places]
        if self._opened is None:
            self._opened = TrainerRows(self._taskset.split(self._split), self._hidden)
        rows, split = self._opened, self._opened.split
        indices = split.order.batch(positions).tolist()
        tasks = map(split.bind, indices, split.read_many(indices))
        return list(map(rows.row, positions, tasks))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_opened": None}


class TaskRows(IterableDataset):  # type: ignore[misc]  # torch is not there where types are checked
    """The positions of one shard, shared out among a DataLoader's workers; see ``Taskset.to_torch``."""

    def __init__(self, taskset: "TasksetStreams", split: str, hidden: Sequence[str], walk: Mapping[str, Any]) -> None:
        self._taskset = taskset
        self._split = split
        self._hidden = tuple(hidden)
        self._walk = dict(walk)
        self._state: Mapping[str, Any] | None = None
        self._iterator: TaskRowIterator | None = None
        TrainerRows(taskset.split(split), hidden)
        taskset.stream(split, **walk)

    def __iter__(self) -> "TaskRowIterator":
        worker = get_worker_info()
        number, count = (0, 1) if worker is None else (worker.id, worker.num_workers)
        # The positions of shard i of c are i, i + c, ...; each worker takes every count-th of them.
        shard_index, shard_count = self._walk["shard_index"], self._walk["shard_count"]
        own = {"shard_index": shard_index + number * shard_count, "shard_count": shard_count * count}
        stream = self._taskset.stream(self._split, **{**self._walk, **own})
        self._iterator = TaskRowIterator(stream, TrainerRows(self._taskset.split(self._split), self._hidden))
        if self._state is not None:
            self._iterator.load_state_dict(self._state)
            self._state = None
        return self._iterator

    def state_dict(self) -> dict[str, Any]:
        """Where the last iterator of this process is.

        Raises:
            StateRefused: There is none: with a DataLoader's workers, the state is theirs.
        """
        if self._iterator is None:
            raise StateRefused(
                "this dataset was not iterated in this process, so it has no state; a DataLoader with workers "
                "iterates in those: take torchdata's StatefulDataLoader, and its state_dict()"
            )
        return self._iterator.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iterator go on from a state; it refuses one of another stream."""
        self._state = state

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_iterator": None}


class TaskRowIterator(Iterator[dict[str, Any]]):
    """Rows in the order of their positions, with the stream's state."""

    def __init__(self, stream: Stream[Task], rows: TrainerRows) -> None:
        self._stream = stream
        self._rows = rows

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> dict[str, Any]:
        return self._rows.row(*next(self._stream))

    def state_dict(self) -> dict[str, Any]:
        """Where it is, as plain JSON."""
        return self._stream.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Raises:
            StateRefused: It is no state, or of another stream or shard.
        """
        self._stream.load_state_dict(state)
