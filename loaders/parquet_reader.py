"""Arrow's reader of one Parquet file, by the shortest way to it.

``pyarrow.parquet`` imports the file systems of several clouds, and TLS for them: a twentieth of a cold first row. The
reader itself is underneath, in a module that Arrow does not document. Where that is not as expected, the reader is
taken from a ``ParquetFile``, which holds the same.
"""

from typing import Any

import pyarrow as pa


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
