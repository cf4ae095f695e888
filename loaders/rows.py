"""What a source of rows is: two methods; and what the library asks of one that it opened itself."""

import hashlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.spelling import nearest

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]


class RowSource(Protocol):
    """Random access to rows; a list of dicts is one.

    Must be thread-safe and deterministic: the same index gives an equal row, in every process.
    """

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def __getitem__(self, index: int, /) -> Row:
        """The row at ``index`` in [0, len(self)); raises IndexError beyond."""
        ...


class Rows(RowSource, Protocol):
    """A row source that knows its columns, where each row comes from, and what it is made of."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the files hold, in their order."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex digest of the rows' content, the same wherever and however the files are named."""
        ...

    @property
    def block_starts(self) -> Sequence[int]:
        """The first row of each block, ascending from 0: the rows of a block cost little more than one of them."""
        ...

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows at some indices, in the order given; cheaper than one at a time. Raises IndexError beyond."""
        ...

    def is_hot(self, index: int) -> bool:
        """Whether the row at ``index`` can be had now, without waiting for a disk, a network or a decoder."""
        ...

    def project(self, columns: Sequence[str]) -> "Rows":
        """The same rows with only ``columns``: the others are never read."""
        ...

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order, read without the other columns."""
        ...

    def location(self, index: int) -> str:
        """Where row ``index`` is, for messages: ``main/test-00000.parquet, row 17``."""
        ...


ENDLESS = 2**63 - 1
"""What ``len`` says of rows without end, since it can say no more; those with an end are 2**40 at most."""


class ValueRange(NamedTuple):
    """Bounds of the values of a column in one block.

    Attributes:
        low: No value is less; NaN does not count.
        high: No value is greater; NaN does not count.
        nulls: How many are null; None where that is not known.
    """

    low: Any
    high: Any
    nulls: int | None


@runtime_checkable
class ColumnBlocks(Protocol):
    """What rows may offer besides: columns block by block, and what is known of a block without reading it."""

    def column_ranges(self, name: str) -> "Sequence[ValueRange | None]":
        """For each block the bounds of a column's values; None where nothing is known."""
        ...

    def column_block(self, name: str, block: int) -> "pa.ChunkedArray":
        """A column's values in one block, read without the other columns and blocks."""
        ...


BLOCK_ROWS = 1000
"""Rows in a block where the source itself has none."""


class SingleRows(Rows, Protocol):
    """Rows that are read one by one, all at the same cost; what that says of the methods of ``Rows``."""

    @property
    def block_starts(self) -> Sequence[int]:
        """Every thousandth row: all cost the same."""
        return range(0, len(self), BLOCK_ROWS)

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows, one by one."""
        return [self[index] for index in indices]

    def is_hot(self, index: int) -> bool:  # noqa: ARG002 - the protocol's
        """False: each has to be read or made first."""
        return False

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order; without end where the rows are.

        Raises:
            SourceError: There is no such column.
        """
        rows = self.project([name])
        return (rows[index][name] for index in range(len(rows)))


def checked_row(index: int, length: int) -> int:
    """The index as a plain number.

    Raises:
        IndexError: It is not in [0, length).
        TypeError: It is no integer.
    """
    row = operator.index(index)
    if not 0 <= row < length:
        raise IndexError(f"row {row} is not in [0, {length})")
    return row


def check_columns(names: Sequence[str], columns: Sequence[str]) -> None:
    """Make sure that rows have the columns asked for.

    Args:
        names: Those asked for.
        columns: Those that there are.

    Raises:
        SourceError: One of them is not there; the message names near ones.
    """
    for name in names:
        if name not in columns:
            raise SourceError(f"no column {name!r}{nearest(name, columns)}")


class ListRows(SingleRows):
    """Rows in memory: a list of dicts, or any other row source, made into ``Rows``.

    Args:
        rows: The source; it must not change afterwards.
        columns: The columns that tasks may use; None takes those of the first 100 rows.
    """

    def __init__(self, rows: RowSource, columns: Sequence[str] | None = None) -> None:
        self._rows = rows
        self._projected = columns is not None
        if columns is None:
            columns = list(dict.fromkeys(name for i in range(min(len(rows), 100)) for name in rows[i]))
        self._columns = tuple(columns)
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int, /) -> Row:
        row = self._rows[index]
        if not self._projected:
            return row
        return {name: row[name] for name in self._columns if name in row}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._columns

    @property
    def fingerprint(self) -> str:
        """Digest of all values; reads every row once."""
        if self._digest is None:
            self._digest = digest_rows(self[index] for index in range(len(self)))
        return self._digest

    def is_hot(self, index: int) -> bool:  # noqa: ARG002 - the protocol's
        """Whether they are in a list; another source's way to a row is its own."""
        return isinstance(self._rows, list | tuple)

    def project(self, columns: Sequence[str]) -> "ListRows":
        """The same rows, showing only ``columns``."""
        return ListRows(self._rows, columns)

    def column(self, name: str) -> Iterator[Any]:
        """The column's values; None where a row lacks it."""
        return (self._rows[index].get(name) for index in range(len(self._rows)))

    def location(self, index: int) -> str:
        """``rows in memory, row 17``."""
        return f"rows in memory, row {index}"


def digest_rows(rows: Iterator[Row], fallback: Callable[[Any], Any] = repr) -> str:
    """BLAKE2b digest of rows in order; ``fallback`` turns a value that JSON has no form for into one."""
    encoder = msgspec.json.Encoder(enc_hook=fallback, order="deterministic")
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        digest.update(encoder.encode(row))
        digest.update(b"\n")
    return digest.hexdigest()
