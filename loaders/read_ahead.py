"""A thread that reads ahead of its consumer, bounded in bytes, and that ends with it."""

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
_EXIT_S = 5.0


class Batch(NamedTuple, Generic[Item]):
    """Some items that were read together.

    Attributes:
        items: In the order in which they are wanted.
        size_bytes: About what they hold in memory.
        error: What stopped the reading behind them; None where nothing did.
        deferred: Makes batches instead of the items, without waiting: for the consumer to run; or None.
    """

    items: list[Item]
    size_bytes: int
    error: BaseException | None = None
    deferred: "Iterator[Batch[Item]] | None" = None


class ReadAhead(Generic[Item]):
    """Runs an iterator of batches on a thread of its own, and hands them over in order.

    The thread pauses while what it has read and what the consumer holds is ``most_bytes`` or more, so memory is
    bounded by that and one batch. It ends with the iterator, at ``close``, when this object is collected, or
    with the process.

    Args:
        batches: What to read; it is only used on the thread, and must not refer to this object.
        most_bytes: When to pause, > 0.
    """

    def __init__(self, batches: Iterator[Batch[Item]], most_bytes: int) -> None:
        self._shelf: _Shelf[Item] = _Shelf(most_bytes)
        self._pid = os.getpid()
        self._thread = threading.Thread(
            target=_fill, args=(self._shelf, batches), name="tasksets-read-ahead", daemon=True
        )
        # The finalizer may run on any thread, within any lock: it only says that nobody waits for more.
        self._finalizer = weakref.finalize(self, _end_in, self._pid, self._shelf)
        self._finalizer.atexit = False
        _RUNNING[self._thread] = self._shelf
        self._thread.start()

    @property
    def is_ours(self) -> bool:
        """Whether the thread is in this process: it does not come along into a forked one."""
        return self._pid == os.getpid()

    def take(self) -> Batch[Item] | None:
        """The next batch, waited for; None where the iterator has ended."""
        return self._shelf.take()

    def close(self, timeout_s: float | None = None) -> None:
        """End the thread and wait until it has, which takes as long as the read it is in.

        Args:
            timeout_s: How long to wait, >= 0; None waits until it has ended.
        """
        if self.is_ours:
            self._shelf.end()
            self._thread.join(timeout_s)


class _Shelf(Generic[Item]):
    """What the thread and its consumer share."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._batches: deque[Batch[Item]] = deque()
        self._held_bytes = 0
        self._taken_bytes = 0
        self._ended = False
        self._full = False
        self._changed = threading.Condition(threading.RLock())

    def has_room(self) -> bool:
        """Wait until there is room; False where nobody wants more."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._held_bytes < self._most_bytes)
            return not self._ended

    def put(self, batch: Batch[Item]) -> None:
        with self._changed:
            self._batches.append(batch)
            self._held_bytes += batch.size_bytes
            self._changed.notify_all()

    def fill_up(self) -> None:
        """Say that no more batches come."""
        with self._changed:
            self._full = True
            self._changed.notify_all()

    def take(self) -> Batch[Item] | None:
        with self._changed:
            # The consumer is done with the batch before.
            self._held_bytes -= self._taken_bytes
            self._taken_bytes = 0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._batches or self._full or self._ended)
            if self._ended or not self._batches:
                return None
            batch = self._batches.popleft()
            self._taken_bytes = batch.size_bytes
            return batch

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._batches.clear()
            self._changed.notify_all()


def _fill(shelf: _Shelf[Any], batches: Iterator[Batch[Any]]) -> None:
    try:
        while shelf.has_room():
            batch = next(batches, None)
            if batch is None:
                break
            shelf.put(batch)
            del batch
    except BaseException as exc:  # noqa: BLE001 - the consumer raises it
        shelf.put(Batch([], 0, exc))
    finally:
        shelf.fill_up()


def _end_in(pid: int, shelf: _Shelf[Any]) -> None:
    """End the thread; not in a forked process, where its lock may be held for ever."""
    if os.getpid() == pid:
        shelf.end()


# By thread: one that nobody listens to any more is in the middle of its last read for a while.
_RUNNING: "weakref.WeakKeyDictionary[threading.Thread, _Shelf[Any]]" = weakref.WeakKeyDictionary()


@atexit.register
def _end_all() -> None:
    # A thread that is inside of a C++ library while the interpreter goes away can take the process down.
    running = [(thread, shelf) for thread, shelf in list(_RUNNING.items()) if thread.is_alive()]
    for _, shelf in running:
        shelf.end()
    for thread, _ in running:
        thread.join(_EXIT_S)
