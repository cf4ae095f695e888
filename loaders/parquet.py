"""Rows of Parquet files: footers at open, then only the row groups and columns that are asked for."""

import operator
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from openenv_tasksets.loaders.arrow_shape import Conflict, Shape, merge, shape
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFile, SourceFiles
from openenv_tasksets.loaders.parquet_statistics import GroupOfFile, column_ranges
from openenv_tasksets.loaders.rows import Row, ValueRange
from openenv_tasksets.loaders.spelling import listing, nearest

CACHE_BYTES = 64 << 20
"""Decoded row groups that one ``ParquetRows`` keeps, by default."""

_MAGIC = b"PAR1"
_TAIL_BYTES = 64 << 10
_BATCH_ROWS = 1024
# What pyarrow raises for damaged bytes, its own exceptions and Python's.
_BROKEN = (pa.ArrowException, OSError, ValueError, KeyError)
# A date in the year 20000, say.
_NO_PYTHON_FORM = (ValueError, OverflowError, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class _Group:
    """One row group: where it is, and the row of its file that it starts with."""

    file: SourceFile
    metadata: pq.FileMetaData
    number: int
    first_row: int


class ParquetRows:
    """Random access to the rows of Parquet files that make one split.

    Thread-safe: any number of threads may read rows; one row group is decoded at a time, on all cores. Values
    are what pyarrow's ``to_pylist`` gives. Nothing stays open between calls, and nothing is memory-mapped.
    """

    def __init__(self, files: SourceFiles, groups: Sequence[_Group], columns: Sequence[str], cache_bytes: int) -> None:
        self._files = files
        self._groups = tuple(groups)
        self._columns = tuple(columns)
        self._starts = [0, *accumulate(_rows_of(group) for group in groups)]
        self._cache = _Cache(cache_bytes)
        self._decoding = threading.Lock()

    @classmethod
    def open(
        cls,
        root: Path,
        files: Sequence[str],
        columns: Sequence[str] | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> "ParquetRows":
        """Read the footers of ``files``.

        Args:
            root: The folder that the names are relative to.
            files: Paths below it, in the order of the rows; at least one.
            columns: The columns to show, in this order; None shows all.
            cache_bytes: Bound on the decoded row groups kept; the last one is kept whatever its size.

        Raises:
            SourceError: A file is missing or not Parquet, two files differ in their columns, or a named
                column does not exist.
        """
        sources = SourceFiles(root, files)
        footers = [_read_footer(file) for file in sources]
        schemas = [_schema(file, footer) for file, footer in zip(sources, footers, strict=True)]
        _check_one_schema(sources, schemas)
        groups = [group for pair in zip(sources, footers, strict=True) for group in _groups(*pair)]
        rows = cls(sources, groups, schemas[0].names, cache_bytes)
        return rows if columns is None else rows.project(columns)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int, /) -> Row:
        group, place = self._find(index)
        table = self._table(group)
        row = {}
        for name, column in zip(self._columns, table.columns, strict=True):
            try:
                row[name] = column[place].as_py()
            except _NO_PYTHON_FORM as exc:
                where = self.location(index)
                raise SourceError(f"{where}: column {name!r} holds a value that Python cannot") from exc
        return row

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns shown, in the order of the first file or of ``project``."""
        return self._columns

    @property
    def fingerprint(self) -> str:
        """Digest of the files' content, whatever their names; the first use reads every file once."""
        return self._files.fingerprint

    @property
    def block_starts(self) -> Sequence[int]:
        """The first row of each row group; a row group is decoded as a whole."""
        return self._starts[:-1]

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows; those of one row group should stand together, or it may be decoded again."""
        return [self[index] for index in indices]

    def is_hot(self, index: int) -> bool:
        """Whether the row's group is decoded."""
        group, _ = self._find(index)
        return self._cache.get(group) is not None

    def project(self, columns: Sequence[str]) -> "ParquetRows":
        """The same rows with only ``columns``; footers are not read again.

        Raises:
            SourceError: There is no such column.
        """
        for name in columns:
            self._check_column(name)
        return ParquetRows(self._files, self._groups, columns, self._cache.most_bytes)

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order; reads that column only and keeps nothing.

        Raises:
            SourceError: There is no such column.
            SourceChanged: A file changed since it was opened.
        """
        self._check_column(name)
        return self._stream(name)

    def column_ranges(self, name: str) -> list[ValueRange | None]:
        """What the footers say of a column's values in each row group."""
        self._check_column(name)
        return column_ranges((GroupOfFile(group.metadata, group.number) for group in self._groups), name)

    def column_block(self, name: str, block: int) -> pa.ChunkedArray:
        """A column's values in one row group; keeps nothing.

        Raises:
            SourceError: There is no such column.
            SourceChanged: A file changed since it was opened.
        """
        self._check_column(name)
        return _decode(self._groups[block], [name]).column(0)

    def location(self, index: int) -> str:
        """File and row within it: ``main/test-00000.parquet, row 17``."""
        group, place = self._find(index)
        return f"{self._groups[group].file.name}, row {self._groups[group].first_row + place}"

    def _find(self, index: int) -> tuple[int, int]:
        """Row group of a row, and its place in there."""
        row = operator.index(index)
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is not in [0, {len(self)})")
        group = bisect_right(self._starts, row) - 1
        return group, row - self._starts[group]

    def _table(self, number: int) -> pa.Table:
        table = self._cache.get(number)
        if table is None:
            with self._decoding:
                table = self._cache.get(number)
                if table is None:
                    table = _decode(self._groups[number], self._columns)
                    self._cache.put(number, table)
        return table

    def _stream(self, name: str) -> Iterator[Any]:
        for group in self._groups:
            for batch in _decode(group, [name]).to_batches(_BATCH_ROWS):
                try:
                    values = batch.column(0).to_pylist()
                except _NO_PYTHON_FORM as exc:
                    where = f"{group.file.name}: row group {group.number}"
                    raise SourceError(f"{where}: column {name!r} holds a value that Python cannot") from exc
                yield from values

    def _check_column(self, name: str) -> None:
        if name not in self._columns:
            raise SourceError(f"no column {name!r}{nearest(name, self._columns)}")


class _Cache:
    """The row groups used last, bounded in bytes; one is kept whatever its size. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._tables: OrderedDict[int, pa.Table] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, number: int) -> pa.Table | None:
        with self._lock:
            table = self._tables.get(number)
            if table is not None:
                self._tables.move_to_end(number)
            return table

    def put(self, number: int, table: pa.Table) -> None:
        with self._lock:
            self._tables[number] = table
            self._bytes += table.get_total_buffer_size()
            while self._bytes > self.most_bytes and len(self._tables) > 1:
                self._bytes -= self._tables.popitem(last=False)[1].get_total_buffer_size()


def _rows_of(group: _Group) -> int:
    return int(group.metadata.row_group(group.number).num_rows)


def _read_footer(file: SourceFile) -> pq.FileMetaData:
    try:
        with file.path.open("rb") as stream:
            tail = _tail(stream, file)
        file.check()
        return pq.read_metadata(pa.BufferReader(_MAGIC + tail))
    except _BROKEN as exc:
        raise SourceError(f"{file.name}: its Parquet footer is broken: {exc}") from exc


def _tail(stream: BinaryIO, file: SourceFile) -> bytes:
    """The footer with its length and magic: the end of the file, which is all that opening it takes."""
    stream.seek(max(0, file.size - _TAIL_BYTES))
    tail = stream.read()
    if file.size < 12 or tail[-4:] != _MAGIC:
        raise SourceError(f"{file.name}: {_not_parquet(stream, file.size)}")
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length + len(_MAGIC) > file.size:
        raise SourceError(f"{file.name}: cut short: its footer is longer than the file")
    if length > len(tail):
        stream.seek(file.size - length)
        return stream.read()
    return tail[-length:]


def _not_parquet(stream: BinaryIO, size: int) -> str:
    if not size:
        return "empty, not a Parquet file"
    stream.seek(0)
    head = stream.read(64)
    if head.startswith(_MAGIC):
        return "cut short: a Parquet file whose end is missing"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself; run 'git lfs pull'"
    if head.startswith(b"PARE"):
        return "encrypted Parquet, which cannot be read"
    return "not a Parquet file"


def _groups(file: SourceFile, footer: pq.FileMetaData) -> list[_Group]:
    counts = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    if min(counts, default=0) < 0 or sum(counts) != footer.num_rows:
        raise SourceError(f"{file.name}: its Parquet footer is broken: it contradicts itself about the rows")
    starts = [0, *accumulate(counts)]
    return [_Group(file, footer, number, starts[number]) for number in range(len(counts))]


def _schema(file: SourceFile, footer: pq.FileMetaData) -> pa.Schema:
    try:
        schema = footer.schema.to_arrow_schema()
    except _BROKEN as exc:
        raise SourceError(f"{file.name}: its columns cannot be read: {exc}") from exc
    repeated = {name for name in schema.names if schema.names.count(name) > 1}
    if repeated:
        raise SourceError(f"{file.name}: column {min(repeated)!r} is there twice")
    return schema


def _check_one_schema(files: SourceFiles, schemas: Sequence[pa.Schema]) -> None:
    """Refuse files whose rows would not look alike."""
    first = schemas[0]
    shapes: dict[str, tuple[Shape, int]] = {field.name: (shape(field.type), 0) for field in first}
    for place, schema in enumerate(schemas[1:], start=1):
        for holder, lacker in ((0, place), (place, 0)):
            for name in schemas[holder].names:
                if name not in schemas[lacker].names:
                    raise SourceError(
                        f"{files[lacker].name} has no column {name!r}, which {files[holder].name} has. "
                        f"{listing(schemas[lacker].names)}"
                    )
        for field in schema:
            known, witness = shapes[field.name]
            try:
                merged = merge(known, shape(field.type))
            except Conflict as exc:
                raise SourceError(
                    f"column {field.name!r} is {schemas[witness].field(field.name).type} in "
                    f"{files[witness].name}, but {field.type} in {files[place].name}"
                ) from exc
            shapes[field.name] = (merged, witness if merged == known else place)


def _decode(group: _Group, columns: Sequence[str]) -> pa.Table:
    """Decode some columns of one row group.

    Raises:
        SourceChanged: The file is no longer the one whose footer was read.
        SourceError: Its bytes cannot be decoded.
    """
    file = group.file
    try:
        with (
            pa.OSFile(str(file.path)) as source,
            pq.ParquetFile(source, metadata=group.metadata) as parquet,
        ):
            table = parquet.read_row_group(group.number, columns=list(columns)).select(list(columns))
    except _BROKEN as exc:
        file.check()
        raise SourceError(f"{file.name}: row group {group.number} cannot be decoded: {exc}") from exc
    file.check()
    if table.num_rows != _rows_of(group):
        raise SourceError(f"{file.name}: row group {group.number} does not hold the rows its footer says")
    return table
