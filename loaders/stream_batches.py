"""What a stream reads at once: a few rows first, then more, and whole windows where the order has windows."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from openenv_tasksets.loaders.order import Ordering
from openenv_tasksets.loaders.read_ahead import Batch
from openenv_tasksets.loaders.row_bytes import rows_bytes
from openenv_tasksets.loaders.rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST_ROWS = 16
"""Rows of the first batch, so that the first row comes soon; then twice as many, and again."""

MOST_ROWS = 1024
"""Rows of a batch, at most: Python's garbage collector makes it expensive to hold many."""

WINDOW_BYTES = 256 << 20
"""A window is read at once as long as its rows are no more than this in memory."""

_PIECE_ROWS = 4096

Found = tuple[int, int, Row]
"""A position, its index and its row."""


class ManyRows(Protocol):
    """What a stream asks of rows."""

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows at some indices, in the order given."""
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
    size, row_bytes, windows = FIRST_ROWS, 0, True
    for walk in (again, own):
        while walk:
            count = min(size, max(1, ahead_bytes // max(1, row_bytes)))
            end = order.window_end(walk[0])
            inside = count if end is None else bisect_left(walk[: end - walk[0]], end)
            whole = end is not None and windows and inside * row_bytes <= WINDOW_BYTES
            part = walk[: inside if whole else min(inside, count)]
            try:
                batch = _read(rows, order, part, WINDOW_BYTES if whole else None)
            except _WindowTooLarge:
                windows = False
                continue
            yield batch
            if batch.error is not None:
                return
            row_bytes = batch.size_bytes // len(part)
            size = min(2 * size, MOST_ROWS)
            walk = walk[len(part) :]


def _read(rows: ManyRows, order: Ordering, part: Sequence[int], most_bytes: int | None) -> Batch[Found]:
    indices = order.batch(part)
    try:
        found = _ascending(rows, indices, most_bytes)
    except _WindowTooLarge:
        raise
    except Exception:  # noqa: BLE001 - which row it was of is found out below
        return _one_by_one(rows, part, indices.tolist())
    return Batch(list(zip(part, indices.tolist(), found, strict=True)), rows_bytes(found))


def _ascending(rows: ManyRows, indices: "NDArray[np.int64]", most_bytes: int | None) -> list[Row]:
    """The rows at ``indices``, read in ascending order."""
    if most_bytes is None and bool((indices[1:] >= indices[:-1]).all()):
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
    placed: list[Row] = [{}] * len(found)
    for rank, row in zip(ranks.tolist(), found, strict=True):
        placed[rank] = row
    return placed


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
