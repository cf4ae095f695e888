"""What a stream reads at once: a few rows first, then more, and whole windows where the order has windows.

Rows that are at hand are not read ahead: a thread cannot make them come sooner, and each dict that is held makes
every run of Python's garbage collector longer. The consumer reads them, a few at a time. Where rows can be read ahead
as they are packed, the thread does that, and the consumer unpacks them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from openenv_tasksets.loaders.order import Ordering
from openenv_tasksets.loaders.packed_rows import BulkRows, PackedRows
from openenv_tasksets.loaders.read_ahead import Batch
from openenv_tasksets.loaders.row_bytes import rows_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST_ROWS = 16
"""Rows of the first batch, so that the first row comes soon; then twice as many, and again."""

MOST_ROWS = 1024
"""Rows of a batch, at most: Python's garbage collector makes it expensive to hold many."""

WINDOW_BYTES = 256 << 20
"""A window is read at once as long as its rows are no more than this in memory."""

DEFERRED_ROWS = 64
"""Rows at hand that the consumer reads at once."""

READY_ROWS = 4096
"""Positions that are named at once where every row is at hand."""

GATHERED_BYTES = 32 << 20
"""Packed rows that are read at once in a shuffled order: the more, the fewer times each block is decoded."""

GATHERED_ROWS = 1 << 17
"""How many they are at most."""

_PIECE_ROWS = 4096
# How much more rows take in memory than packed, about.
_AS_DICTS = 4
# More than they take: names need not run far ahead.
_NAMED_BYTES = 1024
_SAMPLES = 8

Found = tuple[int, int, Any]
"""A position, its index and its row, in whatever form its source gives rows."""


class ManyRows(Protocol):
    """What a stream asks of rows."""

    def read_many(self, indices: Sequence[int]) -> list[Any]:
        """The rows at some indices, in the order given."""
        ...

    def is_hot(self, index: int) -> bool:
        """Whether the row can be had now, without waiting."""
        ...


class _WindowTooLarge(Exception):
    """A window that is not to be held at once."""


def batches(
    rows: ManyRows, order: Ordering, again: Sequence[int], own: range, ahead_bytes: int
) -> Iterator[Batch[Found]]:
    """The rows at some positions, in batches, and an error behind those before it.

    Args:
        rows: Where rows are read; those of a batch ascend, so that the rows of a block stand together.
        order: Which row each position means.
        again: Positions that come first, ascending.
        own: The positions that come then.
        ahead_bytes: What a batch holds at most, about, unless it is a window.
    """
    yield from _Batches(rows, order, ahead_bytes).of(again, own)


class _Batches:
    """What ``batches`` knows of the rows so far."""

    def __init__(self, rows: ManyRows, order: Ordering, ahead_bytes: int) -> None:
        self._rows = rows
        self._order = order
        self._ahead_bytes = ahead_bytes
        self._bulk = rows if isinstance(rows, BulkRows) else None
        self._is_prepared = False
        self._size, self._row_bytes, self._windows = FIRST_ROWS, 0, True

    def of(self, *walks: Sequence[int]) -> Iterator[Batch[Found]]:
        for walk in walks:
            while walk:
                for batch in self._next(walk):
                    yield batch
                    if batch.error is not None:
                        return
                walk = walk[self._done :]

    def _next(self, walk: Sequence[int]) -> Iterator[Batch[Found]]:
        """The next rows of a walk; ``_done`` says how many."""
        bulk = self._bulk
        if bulk is not None and bulk.is_ready():
            # The first one alone: its index is found without numpy, whose import would be a third of a cold start.
            part = walk[: READY_ROWS if self._size > FIRST_ROWS else 1]
            self._size = max(self._size, 2 * FIRST_ROWS)
            self._done = len(part)
            yield Batch([], len(part) * _NAMED_BYTES, deferred=_read_now(self._rows, self._order, part))
            return
        end = self._order.window_end(walk[0])
        row_bytes = None if bulk is None else bulk.row_bytes()
        if bulk is not None and row_bytes is not None and (end is not None or self._size > FIRST_ROWS):
            part, indices = self._window(row_bytes, walk, end)
            if not self._is_prepared and end is None and not _ascends(indices):
                self._is_prepared, self._done = True, 0
                # Empty batches, so that whoever ends the stream need not wait.
                yield from (Batch([], 0) for _ in bulk.prepare())
                return
            packed = None
            if end is None or len(part) * row_bytes <= WINDOW_BYTES // _AS_DICTS:
                packed = self._gathered(bulk, indices, fetch=end is not None)
            if packed is not None:
                self._done = len(part)
                yield from _slices(self._rows, part, indices.tolist(), packed)
                return
        yield self._read(walk, end)

    def _window(
        self, row_bytes: int, walk: Sequence[int], end: int | None
    ) -> tuple[Sequence[int], "NDArray[np.int64]"]:
        """The positions that are best read at once, packed, and their indices."""
        if end is not None:
            part = walk[: bisect_left(walk[: end - walk[0]], end)]
            return part, self._order.batch(part)
        part = walk[: min(GATHERED_ROWS, max(1, min(GATHERED_BYTES, 4 * self._ahead_bytes) // row_bytes))]
        indices = self._order.batch(part)
        if _ascends(indices):
            # Nothing is decoded twice, and farther ahead there is nothing to be gained.
            count = max(1, self._ahead_bytes // 2 // row_bytes)
            part, indices = part[:count], indices[:count]
        return part, indices

    def _gathered(self, bulk: BulkRows, indices: "NDArray[np.int64]", *, fetch: bool) -> PackedRows | None:
        """The rows of a window, packed; None where they are to be read in another way."""
        try:
            return bulk.gather(indices, fetch=fetch)
        except Exception:  # noqa: BLE001 - which row it was of is found out without it
            self._bulk = None
            return None

    def _read(self, walk: Sequence[int], end: int | None) -> Batch[Found]:
        count = min(self._size, max(1, self._ahead_bytes // max(1, self._row_bytes)))
        inside = count if end is None else bisect_left(walk[: end - walk[0]], end)
        whole = end is not None and self._windows and inside * self._row_bytes <= WINDOW_BYTES
        part = walk[: inside if whole else min(inside, count)]
        try:
            batch = _read(self._rows, self._order, part, WINDOW_BYTES if whole else None)
        except _WindowTooLarge:
            self._windows = False
            return self._read(walk, end)
        self._done = len(part)
        self._row_bytes = batch.size_bytes // len(part)
        self._size = min(2 * self._size, MOST_ROWS)
        return batch


def _read(rows: ManyRows, order: Ordering, part: Sequence[int], most_bytes: int | None) -> Batch[Found]:
    indices = order.batch(part)
    # A row that is not at hand after all makes the consumer wait; in a window it would be fetched again and again.
    step = 1 if most_bytes is not None else max(1, len(indices) // _SAMPLES)
    if all(map(rows.is_hot, [*indices[::step].tolist(), int(indices[-1])])):
        return Batch([], len(part) * _NAMED_BYTES, deferred=_read_now(rows, order, part))
    try:
        found = _ascending(rows, indices, most_bytes)
    except _WindowTooLarge:
        raise
    except Exception:  # noqa: BLE001 - which row it was of is found out below
        return _one_by_one(rows, part, indices.tolist())
    return Batch(list(zip(part, indices.tolist(), found, strict=True)), rows_bytes(found))


def _ascends(indices: "NDArray[np.int64]") -> bool:
    return bool((indices[1:] >= indices[:-1]).all())


def _ascending(rows: ManyRows, indices: "NDArray[np.int64]", most_bytes: int | None) -> list[Any]:
    """The rows at ``indices``, read in ascending order."""
    if most_bytes is None and _ascends(indices):
        return rows.read_many(indices.tolist())
    import numpy as np

    ranks = np.argsort(indices, kind="stable")
    ordered = indices[ranks].tolist()
    if most_bytes is None:
        found = rows.read_many(ordered)
    else:
        found, size_bytes = [], 0
        for start in range(0, len(ordered), _PIECE_ROWS):
            piece = rows.read_many(ordered[start : start + _PIECE_ROWS])
            found += piece
            size_bytes += rows_bytes(piece)
            if size_bytes > most_bytes:
                raise _WindowTooLarge
    placed: list[Any] = [None] * len(found)
    for rank, row in zip(ranks.tolist(), found, strict=True):
        placed[rank] = row
    return placed


def _read_now(rows: ManyRows, order: Ordering, part: Sequence[int]) -> Iterator[Batch[Found]]:
    """The rows at some positions, which are at hand, and an error behind those before it."""
    indices = order.batch(part).tolist() if len(part) > 1 else [order.locate(part[0])[1]]
    for start in range(0, len(part), DEFERRED_ROWS):
        some, own = part[start : start + DEFERRED_ROWS], indices[start : start + DEFERRED_ROWS]
        yield _together(rows, some, own, partial(rows.read_many, own))


def _slices(rows: ManyRows, part: Sequence[int], indices: Sequence[int], packed: PackedRows) -> Iterator[Batch[Found]]:
    """Packed rows, some at a time, so that the consumer gives back their bytes."""
    for start in range(0, len(part), MOST_ROWS):
        stop = min(start + MOST_ROWS, len(part))
        size_bytes = packed.size_bytes * (stop - start) // len(part)
        yield Batch([], size_bytes, deferred=_unpacked(rows, part, indices, packed, range(start, stop)))


def _unpacked(
    rows: ManyRows, part: Sequence[int], indices: Sequence[int], packed: PackedRows, places: range
) -> Iterator[Batch[Found]]:
    for start in places[::DEFERRED_ROWS]:
        stop = min(start + DEFERRED_ROWS, places.stop)
        read = partial(packed.unpack, start, stop)
        yield _together(rows, part[start:stop], indices[start:stop], read)


def _together(
    rows: ManyRows, part: Sequence[int], indices: Sequence[int], read: Callable[[], list[Any]]
) -> Batch[Found]:
    try:
        return Batch(list(zip(part, indices, read(), strict=True)), 0)
    except Exception:  # noqa: BLE001 - which row it was of is found out below
        return _one_by_one(rows, part, indices)


def _one_by_one(rows: ManyRows, part: Sequence[int], indices: Sequence[int]) -> Batch[Found]:
    """The rows before the first that cannot be read, and its error; all of them where it was a passing one."""
    found: list[Found] = []
    for position, index in zip(part, indices, strict=True):
        try:
            [row] = rows.read_many([index])
        except Exception as exc:  # noqa: BLE001 - raised at this position
            exc.add_note(f"at position {position} of the stream")
            return Batch(found, rows_bytes([row for _, _, row in found]), exc)
        found.append((position, index, row))
    return Batch(found, rows_bytes([row for _, _, row in found]))
