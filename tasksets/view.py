"""A view: some tasks of a split in some order, computed lazily and random-access at any size."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, overload

import msgspec

from openenv_tasksets.index_sequence import Shuffled, compose
from openenv_tasksets.loaders.errors import SelectionError, SplitEndless, TaskNotFound
from openenv_tasksets.loaders.order import MAX_SIZE, epoch_key
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task
from openenv_tasksets.where import Where

Tail = Literal["short", "pad", "drop"]


class TaskView(Sequence[Task]):
    """A sequence of tasks.

    Narrowing or reordering a view never renumbers: a task keeps its ``index`` in the split. (To serve a
    narrowed split, numbered anew, see ``Taskset.with_view``.)
    """

    def __init__(self, split: Split, places: Sequence[int] | None = None, identity: str = "") -> None:
        self._split = split
        self._places: Sequence[int] = split.indices if places is None else places
        self._identity = identity

    @property
    def split(self) -> Split:
        """The split that the tasks are from."""
        return self._split

    @property
    def indices(self) -> Sequence[int]:
        """The index of each place, without reading a row."""
        return self._places

    @property
    def identity(self) -> str:
        """Canonical text of how this view was made; empty for the whole split in its order."""
        return self._identity

    def __len__(self) -> int:
        size = self.size
        if size is None:
            raise SplitEndless(
                f"this view of split {self._split.name!r} has no end, so no length; take some: take(1000)"
            )
        return size

    @property
    def size(self) -> int | None:
        """How many tasks there are; None where there is no end to them."""
        size = len(self._places)
        return size if size <= MAX_SIZE else None

    @overload
    def __getitem__(self, place: int) -> Task: ...
    @overload
    def __getitem__(self, place: slice) -> "TaskView": ...
    def __getitem__(self, place: int | slice) -> "Task | TaskView":
        if isinstance(place, slice):
            picked = range(len(self._places))[place]
            return self._picked(picked, f"slice {picked.start} {picked.stop} {picked.step}")
        try:
            index = self._places[place]
        except IndexError:
            count = len(self._places)
            raise TaskNotFound(f"no place {place} in a view of {count} tasks; allowed: [0, {count})") from None
        return self._split.task(index)

    def __iter__(self) -> Iterator[Task]:
        return (self._split.task(index) for index in self._places)

    def __repr__(self) -> str:
        counts = ["endless" if count is None else count for count in (self.size, self._split.size)]
        return f"<TaskView of {counts[0]} of {counts[1]} tasks of split {self._split.name!r}>"

    def select(self, places: Iterable[int]) -> "TaskView":
        """The tasks at these places of this view, in the order given; repeats are allowed.

        Raises:
            SelectionError: There is no such place.
        """
        chosen = array("q", places)
        for place in chosen:
            if not 0 <= place < len(self._places):
                count = len(self._places)
                raise SelectionError(f"no place {place} in a view of {count} tasks; allowed: [0, {count})")
        return self._picked(chosen, f"select {hashlib.blake2b(chosen.tobytes(), digest_size=16).hexdigest()}")

    def take(self, count: int) -> "TaskView":
        """The first ``count`` tasks (all of them where there are fewer); ``count`` >= 0."""
        if count < 0:
            raise SelectionError(f"take needs a count of 0 or more, not {count}")
        return self._picked(range(min(count, len(self._places))), f"take {count}")

    def shard(self, index: int, count: int) -> "TaskView":
        """Every ``count``-th task from place ``index`` on, 0 <= index < count. Shards may differ by one task."""
        _check_shard(index, count)
        return self._picked(range(index, len(self._places), count), f"shard {index} {count}")

    def shuffle(self, seed: int = 0) -> "TaskView":
        """All tasks of this view in an order that ``seed`` determines: the same in every process."""
        if not len(self):
            return self
        made_by = f"{self._split.identity}{self._identity}/shuffle {seed}"
        return self._picked(Shuffled(len(self), epoch_key(made_by, 0)), f"shuffle {seed}")

    def where(self, filters: Mapping[str, Any] | None = None, /, **equal: Any) -> "TaskView":
        """The tasks whose public values pass. Reads the public columns concerned once.

        Args:
            filters: ``{name: value | [values] | {comparison: operand}}`` with the comparisons
                ``== != < <= > >= in``.
            equal: The same for names that are Python identifiers: ``where(topic="algebra")``.

        Raises:
            SelectionError: A name that is not public, an unknown comparison, or values that do not compare.
        """
        where = Where.parse({**(filters or {}), **equal})
        public = self._split.binding.public
        for name in where.columns:
            if name not in public:
                raise SelectionError(f"{name!r} is not public{nearest(name, public)}")
        passing = self._split.passing(where)
        if isinstance(self._places, range):
            kept = array("q", passing[_slice(self._places)].nonzero()[0].astype("q").tobytes())
        else:
            kept = array("q", (place for place, index in enumerate(self._places) if passing[index]))
        return self._picked(kept, f"where {where.identity}")

    def finite_pass(self, *, shard_index: int = 0, shard_count: int = 1, tail: Tail = "short") -> "FinitePass":
        """This view once, in order, for evaluation: place by place, and nothing past the end.

        Args:
            shard_index: Which shard, in [0, shard_count).
            shard_count: Of how many; shard i walks places i, i + shard_count, ...
            tail: What to do where the count does not divide: ``short`` leaves the last shards one task
                short; ``pad`` repeats tasks from the front, flagged, so that all have the same number;
                ``drop`` leaves out the uneven rest.
        """
        _check_shard(shard_index, shard_count)
        if tail not in ("short", "pad", "drop"):
            raise SelectionError(f"unknown tail {tail!r}; allowed: short, pad, drop")
        return FinitePass(self, shard_index, shard_count, tail)

    def _picked(self, picks: Sequence[int], how: str) -> "TaskView":
        return TaskView(self._split, compose(self._places, picks), f"{self._identity}/{how}")


class PassEntry(msgspec.Struct, frozen=True):
    """One task of a finite pass; ``pad`` marks a repeat that only evens out the shards: do not count it."""

    task: Task
    pad: bool


class FinitePass(Sequence[PassEntry]):
    """One shard's part of a finite pass; see ``TaskView.finite_pass``."""

    def __init__(self, view: TaskView, shard_index: int, shard_count: int, tail: Tail) -> None:
        self._view = view
        self._shard_index = shard_index
        self._shard_count = shard_count
        whole, rest = divmod(len(view), shard_count)
        if tail == "short":
            self._length = whole + (shard_index < rest)
        else:
            self._length = whole + (tail == "pad" and rest > 0)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, number: int) -> PassEntry: ...
    @overload
    def __getitem__(self, number: slice) -> list[PassEntry]: ...
    def __getitem__(self, number: int | slice) -> PassEntry | list[PassEntry]:
        if isinstance(number, slice):
            return [self[n] for n in range(self._length)[number]]
        place = self._shard_index + range(self._length)[number] * self._shard_count
        return PassEntry(self._view[place % len(self._view)], pad=place >= len(self._view))


def _check_shard(index: int, count: int) -> None:
    if count < 1 or not 0 <= index < count:
        raise SelectionError(
            f"shard {index} of {count} does not exist; the index is in [0, count), the count 1 or more"
        )


def _slice(places: range) -> slice:
    """The slice that takes the members at these places."""
    stop = places.stop if places.stop >= 0 else None
    return slice(places.start, stop, places.step) if places else slice(0, 0)
