"""One row group of a Parquet file: decoded and packed a piece at a time, as far as somebody reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import ByteSource
from openenv_tasksets.loaders.parquet_footer import BROKEN
from openenv_tasksets.loaders.ranges import Ranges
from openenv_tasksets.loaders.row_pack import Packer

_PIECE_ROWS = 2048
_PIECE_BYTES = 4 << 20
_BUFFER_BYTES = 256 << 10


class Piece:
    """Some packed rows that follow each other.

    Attributes:
        count: How many.
        size: Bytes.
    """

    __slots__ = ("_data", "_ends", "count", "size")

    def __init__(self, rows: pa.BinaryArray) -> None:
        _, ends, data = rows.buffers()
        self._data = memoryview(data if data is not None else b"").cast("B")
        self._ends = memoryview(ends).cast("B").cast("i")[rows.offset : rows.offset + len(rows) + 1]
        self.count = len(rows)
        self.size = self._ends[-1] - self._ends[0]

    def __getitem__(self, place: int, /) -> memoryview:
        return self._data[self._ends[place] : self._ends[place + 1]]

    @property
    def data(self) -> memoryview:
        """All rows, one behind the other."""
        return self._data[self._ends[0] : self._ends[-1]]

    @property
    def ends(self) -> list[int]:
        """Where each row ends in ``data``."""
        first = self._ends[0]
        return [end - first for end in self._ends[1:]]


@dataclass(frozen=True)
class Group:
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
    metadata: pq.FileMetaData
    number: int
    rows: int
    first_row: int
    columns: tuple[str, ...]

    @cached_property
    def size(self) -> int:
        """About how many bytes its rows take."""
        return sum(chunk.total_uncompressed_size for chunk in self._chunks())

    @cached_property
    def piece_rows(self) -> int:
        """How many rows a piece has; the last one may have fewer."""
        average = max(1, self.size // max(1, self.rows))
        return max(1, min(_PIECE_ROWS, _PIECE_BYTES // average))

    def pieces(self, packer: Packer) -> Iterator[Piece]:
        """Its rows, packed, from the first one on.

        Raises:
            SourceChanged: The file is no longer the one whose footer was read.
            SourceError: Its bytes cannot be decoded.
            HubError: They cannot be had.
        """
        for batch in self.batches(self.columns, self.piece_rows):
            try:
                rows = packer.pack(batch)
            except BROKEN as exc:
                raise self._undecodable(exc) from exc
            yield Piece(rows)

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
        try:
            with (
                self._opened(columns) as source,
                pq.ParquetFile(source, metadata=self.metadata, pre_buffer=False, buffer_size=_BUFFER_BYTES) as parquet,
            ):
                batches = parquet.iter_batches(
                    most_rows, row_groups=[self.number], columns=list(columns), use_threads=False
                )
                for batch in batches:
                    file.check()
                    found += batch.num_rows
                    yield batch.select(list(columns))
        except BROKEN as exc:
            raise self._undecodable(exc) from exc
        file.check()
        if found != self.rows:
            raise SourceError(f"{file.name}: row group {self.number} does not hold the rows its footer says")

    def _undecodable(self, exc: Exception) -> SourceError:
        self.file.check()
        return SourceError(f"{self.file.name}: row group {self.number} cannot be decoded: {exc}")

    def _opened(self, columns: Sequence[str]) -> pa.NativeFile:
        path = self.file.at_hand()
        if path is not None:
            return pa.OSFile(str(path))
        spans = [_span(chunk) for chunk in self._chunks(columns)]
        return pa.PythonFile(Ranges(self.file, spans), mode="r")

    def _chunks(self, columns: Sequence[str] | None = None) -> Iterator[pq.ColumnChunkMetaData]:
        """The column chunks that reading the columns takes."""
        wanted = self.columns if columns is None else columns
        group = self.metadata.row_group(self.number)
        for place in range(group.num_columns):
            chunk = group.column(place)
            path = chunk.path_in_schema
            if any(path == name or path.startswith(f"{name}.") for name in wanted):
                yield chunk


def _span(chunk: pq.ColumnChunkMetaData) -> tuple[int, int]:
    starts = [chunk.data_page_offset]
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        starts.append(chunk.dictionary_page_offset)
    return min(starts), min(starts) + chunk.total_compressed_size
