"""Rows as JSON text, as ``msgspec.json.encode`` writes their dicts: any of them, or all in order.

In order, Parquet files of this machine are written as JSON column by column (``parquet_walk``, ``json_pack``): no row
is ever a dict. Whatever cannot be had so comes by way of the dict, and with its error.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from openenv_tasksets.loaders.errors import SourceError, TasksetError
from openenv_tasksets.loaders.order import MAX_SIZE, Order, Ordering
from openenv_tasksets.loaders.rows import Row, Rows
from openenv_tasksets.loaders.stream import Stream

if TYPE_CHECKING:
    from openenv_tasksets.loaders.parquet_group import Group

# Their bytes stay in the processor's cache.
_CUT_ROWS = 256
_encode = msgspec.json.encode


class JsonRows:
    """The JSON of rows, as bytes without a line's end. Thread-safe.

    Args:
        rows: The rows.
        served: Which of them, in this order; None means all.
    """

    def __init__(self, rows: Rows, served: Sequence[int] | None = None) -> None:
        self._rows = rows
        self._served = range(len(rows)) if served is None else served
        self._is_whole = self._served == range(len(rows))

    def __len__(self) -> int:
        return len(self._served)

    def __getitem__(self, index: int, /) -> bytes:
        """The JSON of a row.

        Raises:
            IndexError: There is no such row.
            SourceError: It holds a value that JSON cannot.
            TasksetError: It cannot be read.
        """
        row = self._served[index]
        return self._encoded(row, self._rows[row])

    def __iter__(self) -> Iterator[bytes]:
        """All in order.

        Raises:
            TasksetError: As for one row, where it is its turn.
        """
        return chain.from_iterable(self._parts())

    def read_many(self, indices: Sequence[int]) -> list[bytes]:
        """The JSON of some rows, in the order given.

        Raises:
            IndexError: There is no such row.
            TasksetError: As for one row.
        """
        picked = [self._served[index] for index in indices]
        return list(map(self._encoded, picked, self._rows.read_many(picked)))

    def is_hot(self, index: int) -> bool:
        """Whether the row can be had now, without waiting."""
        return self._rows.is_hot(self._served[index])

    def stream(self, order: Ordering, **arguments: Any) -> Stream[bytes]:
        """The rows at the positions of an order, read ahead: ``(position, JSON)`` after ``(position, JSON)``.

        Args:
            order: Which row each position means.
            arguments: As in ``Stream``.
        """
        if self._is_whole:
            return Stream(self._rows, order, self._encoded, **arguments)
        return Stream(self, order, lambda _, line: line, **arguments)

    def _encoded(self, row_index: int, row: Row) -> bytes:
        try:
            return _encode(row)
        except Exception as exc:
            where = self._rows.location(row_index)
            raise SourceError(f"{where}: column {_bad_column(row)!r} holds a value that JSON cannot") from exc

    def _parts(self) -> Iterator[Iterable[bytes]]:
        """The rows, some at a time."""
        done = 0
        groups = self._groups_here() if self._is_whole else ()
        if groups:
            from openenv_tasksets.loaders.json_pack import NO_FORM, JsonPacker
            from openenv_tasksets.loaders.packed_rows import content
            from openenv_tasksets.loaders.parquet_walk import packed_in_order

            for rows in packed_in_order(groups, JsonPacker().pack):
                data, ends = content(rows)
                for first in range(0, len(rows), _CUT_ROWS):
                    last = min(first + _CUT_ROWS, len(rows))
                    text = bytes(data[ends[first] : ends[last]])
                    lines = text.split(b"\n")
                    lines.pop()  # Behind the last end of a line.
                    if NO_FORM in text:
                        yield (self[place] if line == NO_FORM else line for place, line in enumerate(lines, done))
                    else:
                        yield lines
                    done += len(lines)
        if len(self) > MAX_SIZE:  # There is no end.
            yield map(self.__getitem__, range(done, len(self)))
        elif done < len(self):
            yield self._left(done)

    def _left(self, start: int) -> Iterator[bytes]:
        """The rows from one on, by way of dicts."""
        with self.stream(Order(len(self), "sequential", ""), start=start, stop=len(self)) as stream:
            yield from (line for _, line in stream)

    def _groups_here(self) -> "Sequence[Group]":
        """The row groups of Parquet files that are all on this machine; none where the rows are not that."""
        from openenv_tasksets.loaders.parquet import ParquetRows
        from openenv_tasksets.loaders.stored_rows import StoredRows

        try:
            rows = self._rows.parquet if isinstance(self._rows, StoredRows) else self._rows
        except TasksetError:
            return ()  # What is wrong with the files does not concern rows of a store.
        if not isinstance(rows, ParquetRows) or any(file.at_hand() is None for file in rows.files):
            return ()
        return rows.groups


def _bad_column(row: Row) -> str | None:
    for name, value in row.items():
        try:
            _encode(value)
        except Exception:  # noqa: BLE001 - whatever msgspec raises
            return name
    return None
