"""Rows in memory as they are packed: small, unseen by Python's garbage collector, and unpacked when they are taken."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from openenv_tasksets.loaders.rows import Row

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from openenv_tasksets.loaders.row_unpack import Unpacker

AT_ONCE_ROWS = 32
"""Rows to unpack at once where nobody holds them: so few that most are gone before Python's garbage collector has
counted enough of their parts to look at them."""


class PackedRows:
    """Some rows, packed, in an order of one's own. Immutable and thread-safe.

    Args:
        rows: The rows.
        unpacker: Of their form.
    """

    def __init__(self, rows: "pa.BinaryArray", unpacker: "Unpacker") -> None:
        self.rows = rows
        self._data, self._ends = content(rows)
        self._unpacker = unpacker
        self.size_bytes = self._ends[-1] - self._ends[0]

    def __len__(self) -> int:
        return len(self._ends) - 1

    def unpack(self, start: int, stop: int) -> list[Row]:
        """The rows from the one at ``start`` up to the one at ``stop``.

        Raises:
            Exception: One of them has no form in Python.
        """
        ends = self._ends
        return self._unpacker.unpack_many(self._data[ends[start] : ends[stop]], stop - start)


def content(rows: "pa.BinaryArray") -> tuple[memoryview, memoryview]:
    """The bytes of an array's values, and where in there the first one starts and each one ends."""
    _, ends, data = rows.buffers()
    data = memoryview(b"" if data is None else data).cast("B")
    return data, memoryview(ends).cast("B").cast("i")[rows.offset : rows.offset + len(rows) + 1]


@runtime_checkable
class BulkRows(Protocol):
    """What rows may offer besides: many of them at once, for whoever walks over all."""

    def is_ready(self) -> bool:
        """Whether every row can be had now, without waiting for a disk, a network or a decoder."""
        ...

    def row_bytes(self) -> int | None:
        """About how many bytes a packed row takes, >= 1; None where rows cannot be gathered after all."""
        ...

    def prepare(self) -> Iterator[None]:
        """Make rows ready, as many as can be here, a short step at a time, before they are read in no order."""
        ...

    def gather(self, indices: "NDArray[np.int64]", *, fetch: bool) -> PackedRows | None:
        """The rows at some indices, in the order given; each block of them is read once, several at a time.

        Args:
            indices: Which rows; repeats are allowed.
            fetch: Whether to ask for what is not on this machine.

        Returns:
            None where this cannot be done: they are to be read in other ways.

        Raises:
            TasksetError: A block cannot be read.
        """
        ...
