"""Parquet files made for random access: small row groups, a page index, pages cut by content."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

FILE_BYTES = 500_000_000
"""A file that has grown to this is closed, and the next one begun."""

GROUP_ROWS = 1000
GROUP_BYTES = 8 << 20
"""Most rows of a row group, and about how many bytes of decoded values."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file that was written.

    Attributes:
        path: Where it is.
        rows: How many rows it holds.
        value_bytes: Size of its values, before compression.
    """

    path: Path
    rows: int
    value_bytes: int


def write_parquet(
    folder: Path, schema: pa.Schema, tables: Iterable[pa.Table], *, file_bytes: int = FILE_BYTES
) -> list[WrittenFile]:
    """Write tables, one after the other, into numbered files; at least one, if without rows.

    At no time is more than one table and one row group in memory. The same tables give the same bytes.

    Args:
        folder: An empty folder, for the files.
        schema: That of every table.
        tables: The rows.
        file_bytes: About how large a file may grow.

    Raises:
        pa.ArrowException: Parquet has no form for a type.
    """
    groups = _groups(tables)
    group = next(groups, None)
    written: list[WrittenFile] = []
    while group is not None or not written:
        path = folder / f"{len(written):05d}.parquet"
        with path.open("wb") as stream, _writer(stream, schema) as writer:
            while group is not None and stream.tell() < file_bytes:
                writer.write_table(group, row_group_size=max(1, group.num_rows))
                group = next(groups, None)
        written.append(described(path))
    return written


def described(path: Path) -> WrittenFile:
    """What a Parquet file says of itself."""
    footer = pq.read_metadata(path)
    sizes = (footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
    return WrittenFile(path, footer.num_rows, sum(sizes))


def _writer(stream: BinaryIO, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        stream,
        schema,
        compression="zstd",
        write_page_index=True,
        # An inserted value moves the pages behind it, but leaves their bytes alone: storage that knows them keeps them.
        use_content_defined_chunking=True,
    )


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, cut into row groups."""
    waiting: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        for piece in _pieces(table):
            if waiting and (rows + piece.num_rows > GROUP_ROWS or size + piece.nbytes > GROUP_BYTES):
                yield pa.concat_tables(waiting)
                waiting, rows, size = [], 0, 0
            waiting.append(piece)
            rows += piece.num_rows
            size += piece.nbytes
    if waiting:
        yield pa.concat_tables(waiting)


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    """The table in parts that fit into a row group, where one row does."""
    if not table.num_rows:
        return
    fitting = GROUP_BYTES * table.num_rows // max(1, table.nbytes)
    length = max(1, min(GROUP_ROWS, fitting))
    for start in range(0, table.num_rows, length):
        yield table.slice(start, length)
