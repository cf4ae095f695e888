"""Streams: the positions of one shard in order, their rows read ahead, and a state to resume from exactly."""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from openenv_tasksets.loaders.order import Ordering, positions
from openenv_tasksets.loaders.read_ahead import Batch, ReadAhead
from openenv_tasksets.loaders.rows import Row
from openenv_tasksets.loaders.stream_batches import Found, ManyRows, batches
from openenv_tasksets.loaders.stream_state import StreamState, check_same_stream
from openenv_tasksets.loaders.whole_number import whole

AHEAD_BYTES = 8 << 20
"""Rows that a stream reads ahead, by default, as they are in memory."""

Item = TypeVar("Item")


class Stream(Iterator[tuple[int, Item]], Generic[Item]):
    """Walks the positions of one shard: ``(position, item)`` after ``(position, item)``.

    One thread iterates; ``finish`` and ``state_dict`` may be called from any. The reading thread starts with the
    first item and ends with the last one, ``close``, the ``with`` block or the stream itself; iterating on after
    ``close`` starts another. An error is raised at the position that it is of, and the stream stays there:
    iterating again tries again, and ``skip`` goes past.

    Args:
        rows: Where rows are read.
        order: Which row each position means.
        make: What a row becomes, from its index and itself.
        start: The first position to consider, in [0, 2**63).
        stop: The position to end before, in [start, 2**63]; None goes on as long as the order does.
        shard_index: Which shard, in [0, shard_count): the positions p with p % shard_count == shard_index.
        shard_count: Of how many.
        ahead_bytes: How much to read ahead, about, > 0.
        acknowledge: When a position is done: False, once it is handed out; True, once ``finish`` says so.

    Raises:
        TypeError: A number is none.
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        rows: ManyRows,
        order: Ordering,
        make: Callable[[int, Any], Item],
        *,
        start: int = 0,
        stop: int | None = None,
        shard_index: int = 0,
        shard_count: int = 1,
        ahead_bytes: int = AHEAD_BYTES,
        acknowledge: bool = False,
    ) -> None:
        own = positions(start, shard_index=shard_index, shard_count=shard_count, stop=stop)
        self._rows = rows
        self._order = order
        self._make = make
        self._stop = min(own.stop, order.stop)
        self._shard_index = shard_index
        self._shard_count = shard_count
        self._ahead_bytes = whole("ahead_bytes", ahead_bytes, range(1, sys.maxsize))
        self._acknowledge = acknowledge
        # What is left to do is all that is here: positions to hand out again, and then those from the next one on.
        self._again: deque[int] = deque()
        self._next = start
        self._out: set[int] = set()
        self._lock = threading.Lock()
        self._reader: ReadAhead[Found] | None = None
        self._current: Iterator[Found] = iter(())
        self._deferred: Iterator[Batch[Found]] = iter(())
        self._error: BaseException | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, Item]:
        found = next(self._current, None) or self._refill()
        try:
            position, index, row = found
            item = self._make(index, row)
            if self._acknowledge or self._again:
                self._hand_out(position)
            else:
                self._next = position + 1
        except BaseException as exc:
            self._current = chain((found,), self._current)
            exc.add_note(f"at position {found[0]} of the stream")
            raise
        return position, item

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the reading thread, and wait until it has: as long as the read that it is in. Loses no position."""
        reader, self._reader = self._reader, None
        self._current, self._deferred, self._error = iter(()), iter(()), None
        if reader is not None:
            reader.close()

    def finish(self, *done: int) -> None:
        """Say that the episodes of some positions are done; only with ``acknowledge``.

        Raises:
            ValueError: A position is not one that was handed out and not finished; then none of them is taken.
        """
        with self._lock:
            if not self._out.issuperset(done):
                missing = next(position for position in done if position not in self._out)
                how = "" if self._acknowledge else "; this stream was made without acknowledge=True"
                raise ValueError(f"position {missing} is not out: never handed out, or finished before{how}")
            self._out.difference_update(done)

    def skip(self) -> int:
        """Leave out the position that comes next, which raised an error, and count it as done.

        Returns:
            The position.

        Raises:
            StopIteration: There is none.
        """
        self.close()
        position = next(chain(self._again, self._own()), None)
        if position is None:
            raise StopIteration
        self._hand_out(position)
        self._out.discard(position)
        return position

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is, as plain JSON: load it into a stream like this one, in any process."""
        with self._lock:
            return self._state(self._next, tuple(sorted({*self._again, *self._out}))).dump()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state: first the positions that were outstanding, then those that were never handed out.

        Raises:
            StateRefused: It is no state, or of another stream or shard; the message shows both.
        """
        loaded = StreamState.parse(state)
        check_same_stream(loaded, self._state(self._next))
        self.close()
        with self._lock:
            self._again = deque(loaded.outstanding)
            self._next = loaded.next
            self._out.clear()

    def _hand_out(self, position: int) -> None:
        with self._lock:
            if self._acknowledge:
                self._out.add(position)
            if self._again:
                self._again.popleft()
            else:
                self._next = position + 1

    def _state(self, after: int, outstanding: tuple[int, ...] = ()) -> StreamState:
        return StreamState(self._order.identity, self._shard_index, self._shard_count, after, outstanding)

    def _own(self) -> range:
        """The positions that were never handed out."""
        first = self._next + (self._shard_index - self._next) % self._shard_count
        return range(first, max(first, self._stop), self._shard_count)

    def _refill(self) -> Found:
        """The first row of the next batch, waited for."""
        while True:
            if self._error is not None:
                error = self._error
                self.close()
                raise error
            if self._reader is None or not self._reader.is_ours:
                self._deferred = iter(())
                ahead = batches(self._rows, self._order, tuple(self._again), self._own(), self._ahead_bytes)
                self._reader = ReadAhead(ahead, self._ahead_bytes)
            batch = next(self._deferred, None) or self._reader.take()
            if batch is None:
                self.close()
                raise StopIteration
            if batch.deferred is not None:
                self._deferred = batch.deferred
                continue
            self._error = batch.error
            self._current = iter(batch.items)
            found = next(self._current, None)
            if found is not None:
                return found


class RowStream(Stream[Row]):
    """A stream of rows, as they are in the files.

    Args:
        rows: Where rows are read.
        order: Which row each position means.
        arguments: As in ``Stream``.
    """

    def __init__(self, rows: ManyRows, order: Ordering, **arguments: Any) -> None:
        super().__init__(rows, order, lambda _index, row: row, **arguments)
