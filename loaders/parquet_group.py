"""One row group of a Parquet file: decoded and packed a piece at a time, as far as somebody reads."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import ByteSource
from openenv_tasksets.loaders.packed_rows import content
from openenv_tasksets.loaders.parquet_footer import BROKEN
from openenv_tasksets.loaders.parquet_reader import check_chunks, open_reader, statistics_of
from openenv_tasksets.loaders.ranges import Ranges
from openenv_tasksets.loaders.row_form import RowForm
from openenv_tasksets.loaders.row_unpack import bad_column
from openenv_tasksets.loaders.rows import Row

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_PIECE_ROWS = 2048
# Whoever waits for a few rows of a far file waits for no more bytes than theirs, about.
_FAR_PIECE_ROWS = 512
_PIECE_BYTES = 4 << 20
_MOST_BYTES = 32 << 20
_BUFFER_BYTES = 256 << 10
_FAR_BUFFER_BYTES = 64 << 10
# No pages have more in their own heads, in a row group so small that it matters.
_PAGE_HEADS_BYTES = 4 << 10
# Packing a piece costs as much as about a hundred rows.
_READS_UNPACKED = 2
# A date in the year 20000, say; or text that is none.
NO_PYTHON_FORM = (ValueError, OverflowError, TypeError, msgspec.MsgspecError, pa.ArrowException)


class Piece:
    """Some rows that follow each other, packed once more than a few of them are read. Thread-safe.

    Attributes:
        count: How many.
        size: About how many bytes they take.
    """

    __slots__ = ("_batch", "_data", "_ends", "_form", "_group", "_reads", "_start", "_unpack", "count", "size")

    def __init__(self, group: "Group", start: int, batch: pa.RecordBatch, form: RowForm) -> None:
        self._group = group
        self._start = start
        self._batch: pa.RecordBatch | None = batch
        self._form = form
        self._reads = 0
        self._data = self._ends = memoryview(b"")
        self.count = batch.num_rows
        # Packed, a value stands behind its name and its length.
        self.size = batch.nbytes + batch.num_rows * sum(len(name) + 6 for name in batch.schema.names)

    def row(self, place: int) -> Row:
        """A row.

        Raises:
            SourceError: It holds a value that Python cannot.
        """
        batch = self._batch
        if batch is not None:
            self._reads += 1
            if self._reads <= _READS_UNPACKED:
                return self._converted(batch, place)
            self.pack()
        ends = self._ends
        packed = self._data[ends[place] : ends[place + 1]]
        try:
            return self._unpack(packed)
        except NO_PYTHON_FORM as exc:
            raise self._no_form(place, bad_column(self._form.unpacker, packed)) from exc

    def pack(self) -> "Piece":
        """Keep the rows packed."""
        batch = self._batch
        if batch is not None:
            try:
                rows = self._form.packer.pack(batch)
            except BROKEN as exc:
                raise self._group.undecodable(exc) from exc
            self._data, self._ends = content(rows)
            self._unpack = self._form.unpacker.unpack
            self._batch = None
        return self

    @property
    def rows(self) -> pa.BinaryArray:
        """All rows, once they are packed."""
        buffers = [None, pa.py_buffer(self._ends), pa.py_buffer(self._data)]
        return pa.Array.from_buffers(pa.binary(), self.count, buffers)

    @property
    def data(self) -> memoryview:
        """All rows, packed, one behind the other."""
        return self._data[self._ends[0] : self._ends[-1]]

    @property
    def ends(self) -> memoryview:
        """Where the first packed row starts, and where each one ends."""
        return self._ends

    def _converted(self, batch: pa.RecordBatch, place: int) -> Row:
        row = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                row[name] = column[place].as_py()
            except NO_PYTHON_FORM as exc:
                raise self._no_form(place, name) from exc
        return row

    def _no_form(self, place: int, name: str | None) -> SourceError:
        where = f"{self._group.file.name}, row {self._group.first_row + self._start + place}"
        return SourceError(f"{where}: column {name!r} holds a value that Python cannot")


class Group(msgspec.Struct, frozen=True, dict=True):
    """One row group.

    Attributes:
        file: The file that it is in.
        metadata: That file's footer.
        number: Its number in the file.
        rows: How many rows it has.
        first_row: The row of its file that it starts with.
        columns: The columns that are read.
    """

    file: ByteSource
    metadata: "pq.FileMetaData"
    number: int
    rows: int
    first_row: int
    columns: tuple[str, ...]

    @cached_property
    def size(self) -> int:
        """About how many bytes its rows take."""
        return sum(chunk.total_uncompressed_size for _, chunk in self._chunks())

    @cached_property
    def piece_rows(self) -> int:
        """How many rows a piece has; the last one may have fewer."""
        average = max(1, self.size // max(1, self.rows))
        most = _PIECE_ROWS if self.file.at_hand() else _FAR_PIECE_ROWS
        return max(1, min(most, _PIECE_BYTES // average, self.most_rows))

    @cached_property
    def most_rows(self) -> int:
        """How many rows may be decoded at once: a long text that many share takes little in the file, and much here."""
        schema = self.metadata.schema
        longest = [_longest(chunk, schema.column(place)) for place, chunk in self._chunks()]
        return max(1, _MOST_BYTES // max([1, *longest]))

    def pieces(self, form: RowForm) -> Iterator[Piece]:
        """Its rows, from the first one on.

        Raises:
            SourceChanged: The file is no longer the one whose footer was read.
            SourceError: Its bytes cannot be decoded.
            HubError: They cannot be had.
        """
        start = 0
        for batch in self.batches(self.columns, self.piece_rows):
            yield Piece(self, start, batch, form)
            start += batch.num_rows

    def batches(self, columns: Sequence[str], most_rows: int) -> Iterator[pa.RecordBatch]:
        """Some columns of its rows, decoded.

        Raises:
            SourceChanged: The file is no longer the one whose footer was read.
            SourceError: Its bytes cannot be decoded.
            HubError: They cannot be had.
        """
        if not columns:
            for start in range(0, self.rows, most_rows):
                empty = pa.array([None] * min(most_rows, self.rows - start))
                yield pa.record_batch([empty], ["none"]).select([])
            return
        found = 0
        file = self.file
        buffer_bytes = _BUFFER_BYTES if file.at_hand() else _FAR_BUFFER_BYTES
        try:
            places = [place for place, _ in self._chunks(columns)]
            with self._opened(columns) as source:
                reader = open_reader(source, self.metadata, buffer_bytes)
                for batch in reader.iter_batches(most_rows, [self.number], places, use_threads=False):
                    file.check()
                    found += batch.num_rows
                    yield batch.select(list(columns))
        except BROKEN as exc:
            raise self.undecodable(exc) from exc
        file.check()
        if found != self.rows:
            raise SourceError(f"{file.name}: row group {self.number} does not hold the rows its footer says")

    def undecodable(self, exc: Exception) -> SourceError:
        """The error to raise for one of ``BROKEN``."""
        self.file.check()
        return SourceError(f"{self.file.name}: row group {self.number} cannot be decoded: {exc}")

    def _opened(self, columns: Sequence[str]) -> pa.NativeFile:
        path = self.file.at_hand()
        if path is not None:
            return pa.OSFile(str(path))
        chunks = [chunk for _, chunk in self._chunks(columns)]
        spans = [_span(chunk) for chunk in chunks]
        # No row of a column can be had without its whole dictionary.
        heads = {start: chunk.data_page_offset - start for (start, _), chunk in zip(spans, chunks, strict=True)}
        return pa.PythonFile(Ranges(self.file, spans, heads), mode="r")

    def _chunks(self, columns: Sequence[str] | None = None) -> "Iterator[tuple[int, pq.ColumnChunkMetaData]]":
        """The column chunks that reading the columns takes, each behind its place in the row group."""
        group = self.metadata.row_group(self.number)
        places = self._places if columns is None or columns == self.columns else self._places_of(columns)
        return ((place, group.column(place)) for place in places)

    @cached_property
    def _places(self) -> list[int]:
        return self._places_of(self.columns)

    def _places_of(self, columns: Sequence[str]) -> list[int]:
        """Where the leaves of some columns are, whose chunks are as the schema says."""
        schema = self.metadata.schema
        places = []
        try:
            for place in range(len(schema)):
                path = schema.column(place).path
                if any(path == name or path.startswith(f"{name}.") for name in columns):
                    places.append(place)
            check_chunks(self.metadata, self.number, places)
        except BROKEN as exc:
            raise self.undecodable(exc) from exc
        return places


def _longest(chunk: "pq.ColumnChunkMetaData", column: "pq.ColumnSchema") -> int:
    """How long a value may be that is in the file once and in many rows; 0 where none is longer than some KiB."""
    try:
        statistics = statistics_of(chunk, column)
    except BROKEN:
        return 0
    if chunk.physical_type != "BYTE_ARRAY" or not chunk.has_dictionary_page or statistics is None:
        return 0
    # Writers leave out the bounds of values that are too long for a footer.
    if statistics.has_min_max or not statistics.num_values or not chunk.dictionary_page_offset:
        return 0
    compressed: int = chunk.data_page_offset - chunk.dictionary_page_offset
    expanded: int = compressed * chunk.total_uncompressed_size // max(1, chunk.total_compressed_size)
    numbers = chunk.total_compressed_size - compressed - _PAGE_HEADS_BYTES
    if 2 * numbers >= statistics.num_values:
        # Some writers leave out all bounds. Where a row's number in the dictionary takes half a byte or more, many
        # values are in use, and the dictionary is long for that alone.
        expanded //= 8
    return max(0, expanded)


def _span(chunk: "pq.ColumnChunkMetaData") -> tuple[int, int]:
    starts = [chunk.data_page_offset]
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        starts.append(chunk.dictionary_page_offset)
    return min(starts), min(starts) + chunk.total_compressed_size
