"""Arrow's reader of one Parquet file, by the shortest way to it.

``pyarrow.parquet`` imports the file systems of several clouds, and TLS for them: a twentieth of a cold first row. The
reader itself is underneath, in a module that Arrow does not document. Where that is not as expected, the reader is
taken from a ``ParquetFile``, which holds the same.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

# Of the C++ exceptions that metadata of a column chunk raises.
_UNCAUGHT = ("histogram size mismatch", "Unencoded byte array", "decrypt")


def open_reader(source: pa.NativeFile, metadata: Any = None, buffer_bytes: int = 0) -> Any:
    """A reader with ``metadata``, and with ``iter_batches``, which takes columns by their places.

    Args:
        source: The file; it stays the caller's to close.
        metadata: Its footer; None reads it.
        buffer_bytes: How much of a column is read at once; 0 reads all of it.

    Raises:
        pyarrow.ArrowException: The footer is damaged.
        OSError: The file cannot be read.
    """
    try:
        from pyarrow._parquet import ParquetReader

        reader = ParquetReader()
        reader.open(
            source, metadata=metadata, buffer_size=buffer_bytes, pre_buffer=False, arrow_extensions_enabled=True
        )
    except (ImportError, TypeError):  # an older or a newer Arrow
        import pyarrow.parquet as pq

        reader = pq.ParquetFile(source, metadata=metadata, buffer_size=buffer_bytes, pre_buffer=False).reader
    return reader


def check_chunks(metadata: Any, number: int, places: Iterable[int]) -> None:
    """Raise what is wrong with the metadata of some column chunks.

    Where a footer is damaged, ``RowGroupMetaData.column`` of pyarrow lets a C++ exception through, which
    ends the process. A reader catches it; it asks for the metadata first, and for bytes then, of which it gets none.

    Args:
        metadata: A file's footer.
        number: Of a row group.
        places: Of columns.

    Raises:
        OSError: They contradict the schema.
    """
    reader = open_reader(pa.BufferReader(b""), metadata)
    for place in places:
        try:
            next(reader.iter_batches(1, [number], [place], use_threads=False), None)
        except (OSError, pa.ArrowException) as exc:
            if any(words in str(exc) for words in _UNCAUGHT):
                raise


def statistics_of(chunk: Any, column: Any) -> Any:
    """What a footer says of a column chunk's values; None where nothing.

    Args:
        chunk: One that ``check_chunks`` has nothing against.
        column: Of the schema. Where its type is another, pyarrow's C++ would end the process.
    """
    return chunk.statistics if chunk.physical_type == column.physical_type else None
