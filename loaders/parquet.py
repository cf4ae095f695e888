"""Rows of Parquet files: footers at open, then only the row groups and columns that are asked for."""

import operator
import os
import threading
import weakref
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import ByteSources, SourceFiles
from openenv_tasksets.loaders.packed_rows import PackedRows
from openenv_tasksets.loaders.parquet_footer import Footer, group_sizes, read_footers
from openenv_tasksets.loaders.parquet_group import NO_PYTHON_FORM, Group, Piece
from openenv_tasksets.loaders.parquet_statistics import GroupOfFile, column_ranges
from openenv_tasksets.loaders.row_form import RowForm
from openenv_tasksets.loaders.rows import Row, ValueRange, check_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CACHE_BYTES = 16 << 20
"""Packed rows that one ``ParquetRows`` keeps, by default."""

_MOST_OPEN = 4
_BATCH_ROWS = 1024


class ParquetRows:
    """Random access to the rows of Parquet files that make one split.

    Thread-safe. A row group is decoded from its start as far as somebody reads, and kept as packed rows, so that
    most reads only unpack a row. Values are what pyarrow's ``to_pylist`` gives. Nothing is memory-mapped.

    Args:
        files: The files.
        footers: Their footers.
        columns: The columns to show.
        cache_bytes: Bound on the packed rows kept; those used last are kept whatever their size.
    """

    def __init__(self, files: ByteSources, footers: Sequence[Footer], columns: Sequence[str], cache_bytes: int) -> None:
        self.files = files
        self._footers = footers
        self._columns = tuple(columns)
        self.groups = tuple(group for footer in footers for group in _groups(footer, self._columns))
        self._starts = [0, *accumulate(group.rows for group in self.groups)]
        self.form = RowForm(footer.schema.field(name).type for footer in footers for name in self._columns)
        self._pieces = _Pieces(cache_bytes)
        self._last: tuple[int, Piece | None] = (0, None)

    @classmethod
    def open(
        cls,
        root: Path,
        files: Sequence[str],
        columns: Sequence[str] | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> "ParquetRows":
        """Read the footers of files in a folder.

        Args:
            root: The folder that the names are relative to.
            files: Paths below it, in the order of the rows; at least one.
            columns: The columns to show, in this order; None shows all.
            cache_bytes: As in ``ParquetRows``.

        Raises:
            SourceError: A file is missing or not Parquet, two files differ in their columns, or a named
                column does not exist.
        """
        return cls.of(SourceFiles(root, files), columns, cache_bytes=cache_bytes)

    @classmethod
    def of(
        cls, files: ByteSources, columns: Sequence[str] | None = None, *, cache_bytes: int = CACHE_BYTES
    ) -> "ParquetRows":
        """Read the footers of files, wherever they are.

        Args:
            files: In the order of the rows; at least one.
            columns: As in ``open``.
            cache_bytes: As in ``ParquetRows``.

        Raises:
            SourceError: As in ``open``.
            HubError: The footers cannot be had.
        """
        footers = read_footers(files)
        rows = cls(files, footers, footers[0].schema.names, cache_bytes)
        return rows if columns is None else rows.project(columns)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int, /) -> Row:
        start, piece = self._last
        if piece is None or not start <= index < start + piece.count:
            self._last = start, piece = self._piece_of(index)
        return piece.row(index - start)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns shown, in the order of the first file or of ``project``."""
        return self._columns

    @property
    def fingerprint(self) -> str:
        """Digest of the files' content, whatever their names; the first use reads every local file once."""
        return self.files.fingerprint

    @property
    def block_starts(self) -> Sequence[int]:
        """The first row of each row group; a row group is decoded from its start."""
        return self._starts[:-1]

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows; those of one row group should stand together and ascend, or it may be decoded again."""
        found: list[Row] = []
        start, piece = self._last
        for index in indices:
            if piece is None or not start <= index < start + piece.count:
                self._last = start, piece = self._piece_of(index)
            found.append(piece.row(index - start))
        return found

    def is_hot(self, index: int) -> bool:
        """Whether the row is decoded and packed."""
        group, place = self._find(index)
        return self._pieces.get((group, place // self.groups[group].piece_rows)) is not None

    def is_ready(self) -> bool:
        """Whether every row is decoded, packed and kept."""
        return len(self._pieces) == sum(-(-group.rows // group.piece_rows) for group in self.groups if group.rows)

    def row_bytes(self) -> int:
        """About how many bytes a packed row takes: one of the first row group."""
        number = next((number for number, group in enumerate(self.groups) if group.rows), None)
        if number is None:
            return 1
        group = self.groups[number]
        by_footer = max(1, group.size // group.rows)
        return by_footer if group.most_rows >= group.rows else max(by_footer, self._measured(number))

    def _measured(self, number: int) -> int:
        """What a row takes that was read last, else one of a row group; 0 where there is none at hand."""
        _, piece = self._last
        if piece is None and self.groups[number].file.at_hand() is not None:
            # Where it cannot be read, whoever asks for its rows is told.
            with suppress(SourceError):
                _, piece = self._piece_of(self._starts[number])
        return 0 if piece is None else piece.size // piece.count

    def prepare(self) -> Iterator[None]:
        """Decode all, where all can be kept."""
        if sum(group.size for group in self.groups) > self._pieces.most_bytes:
            return
        for start, group in zip(self._starts, self.groups, strict=False):
            for place in range(0, group.rows if group.file.at_hand() else 0, group.piece_rows):
                self._piece_of(start + place)
                yield

    def gather(self, indices: "NDArray[np.int64]", *, fetch: bool) -> PackedRows | None:
        """As ``BulkRows`` has it; keeps nothing but what stands around rows that stand together."""
        if not self._columns or not len(indices):
            return None
        low, high = int(indices.min()), int(indices.max())
        first, last = self._find(low)[0], self._find(high)[0]
        if not fetch and any(group.file.at_hand() is None for group in self.groups[first : last + 1]):
            return None
        from openenv_tasksets.loaders.parquet_gather import gather, pieces

        if high - low < len(indices):
            packed = pieces(self._piece_of, indices)
        else:
            packed = gather(self.groups, self._starts, self.form, indices)
        return PackedRows(packed, self.form.unpacker)

    def project(self, columns: Sequence[str]) -> "ParquetRows":
        """The same rows with only ``columns``; footers are not read again.

        Raises:
            SourceError: There is no such column.
        """
        check_columns(columns, self._columns)
        return ParquetRows(self.files, self._footers, columns, self._pieces.most_bytes)

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order; reads that column only and keeps nothing.

        Raises:
            SourceError: There is no such column.
            SourceChanged: A file changed since it was opened.
        """
        check_columns([name], self._columns)
        return self._stream(name)

    def column_ranges(self, name: str) -> list[ValueRange | None]:
        """What the footers say of a column's values in each row group."""
        check_columns([name], self._columns)
        return column_ranges((GroupOfFile(group.metadata, group.number) for group in self.groups), name)

    def column_block(self, name: str, block: int) -> pa.ChunkedArray:
        """A column's values in one row group; keeps nothing.

        Raises:
            SourceError: There is no such column.
            SourceChanged: A file changed since it was opened.
        """
        check_columns([name], self._columns)
        kind = self._footers[0].schema.field(name).type
        batches = self.groups[block].batches([name], _BATCH_ROWS)
        found = [batch.column(0) for batch in batches]
        return pa.chunked_array(found, None if found else kind)

    def location(self, index: int) -> str:
        """File and row within it: ``main/test-00000.parquet, row 17``."""
        number, place = self._find(index)
        group = self.groups[number]
        return f"{group.file.name}, row {group.first_row + place}"

    def _find(self, index: int) -> tuple[int, int]:
        """Row group of a row, and its place in there."""
        row = operator.index(index)
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is not in [0, {len(self)})")
        group = bisect_right(self._starts, row) - 1
        return group, row - self._starts[group]

    def _piece_of(self, index: int) -> tuple[int, Piece]:
        """The piece that holds a row, and the row that it starts with."""
        number, place = self._find(index)
        group = self.groups[number]
        piece = self._pieces.read(number, place // group.piece_rows, group, self.form)
        return self._starts[number] + place // group.piece_rows * group.piece_rows, piece

    def _stream(self, name: str) -> Iterator[Any]:
        for group in self.groups:
            for batch in group.batches([name], _BATCH_ROWS):
                try:
                    values = batch.column(0).to_pylist()
                except NO_PYTHON_FORM as exc:
                    where = f"{group.file.name}: row group {group.number}"
                    raise SourceError(f"{where}: column {name!r} holds a value that Python cannot") from exc
                yield from values


class _Pieces:
    """The pieces used last, bounded in bytes, and the row groups that are in the middle of being read."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[tuple[int, int], Piece] = OrderedDict()
        self._bytes = 0
        self._open: OrderedDict[int, _Reading] = OrderedDict()
        self._lock = threading.Lock()
        _ALL.add(self)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: tuple[int, int]) -> Piece | None:
        with self._lock:
            piece = self._kept.get(key)
            if piece is not None:
                self._kept.move_to_end(key)
            return piece

    def read(self, number: int, wanted: int, group: Group, form: RowForm) -> Piece:
        """A piece of a row group; whoever comes second for it waits, and does not decode it again."""
        piece = self.get((number, wanted))
        while piece is None:
            reading = self._reading(number)
            with reading.lock:
                piece = self.get((number, wanted))
                if piece is None:
                    piece = self._advance(reading, number, wanted, group, form)
        return piece

    def _advance(self, reading: "_Reading", number: int, wanted: int, group: Group, form: RowForm) -> Piece | None:
        if reading.pieces is None or reading.following > wanted:
            reading.pieces, reading.following = group.pieces(form), 0
        try:
            for piece in reading.pieces:
                self._put((number, reading.following), piece)
                reading.following += 1
                if reading.following > wanted:
                    if reading.following * group.piece_rows >= group.rows:
                        # Only now the last rows are known to be the last, and the file to be as it was.
                        next(reading.pieces, None)
                        reading.pieces = None
                    return piece
        except BaseException:
            reading.pieces = None
            raise
        raise SourceError(f"{group.file.name}: row group {group.number} does not hold the rows its footer says")

    def _reading(self, number: int) -> "_Reading":
        with self._lock:
            reading = self._open.setdefault(number, _Reading())
            self._open.move_to_end(number)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return reading

    def _put(self, key: tuple[int, int], piece: Piece) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = piece
            self._bytes += piece.size
            while self._bytes > self.most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].size

    def forget_threads(self) -> None:
        """In a new process: the threads that held a lock, or read a row group, are not there."""
        self._lock = threading.Lock()
        self._open.clear()


class _Reading:
    """A row group that is being read, and how far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pieces: Iterator[Piece] | None = None
        self.following = 0


_ALL: "weakref.WeakSet[_Pieces]" = weakref.WeakSet()


def _after_fork() -> None:
    for pieces in list(_ALL):
        pieces.forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _groups(footer: Footer, columns: tuple[str, ...]) -> Iterator[Group]:
    first_row = 0
    for number, rows in enumerate(group_sizes(footer)):
        yield Group(footer.file, footer.metadata, number, rows, first_row, columns)
        first_row += rows
