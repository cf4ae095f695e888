"""A split of two Parquet files that a row store is built of."""

import os

import pyarrow as pa
import pyarrow.parquet as pq

from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores

COUNT = 60


def table(start, stop):
    return pa.table(
        {
            "id": [f"task-{n}" for n in range(start, stop)],
            "n": pa.array(range(start, stop), pa.int16()),
            "when": pa.array(range(start, stop), pa.timestamp("us", "UTC")),
            "messages": [[{"role": "user", "content": "x" * (n % 7)}] * (n % 3) for n in range(start, stop)],
        }
    )


def write_files(root):
    """Two files, row groups of 7: nine row groups, the last of each file shorter."""
    for number in range(2):
        part = table(number * COUNT // 2, (number + 1) * COUNT // 2)
        pq.write_table(part, root / f"{number}.parquet", row_group_size=7)


def rows_of(root):
    return [row for number in range(2) for row in pq.read_table(root / f"{number}.parquet").to_pylist()]


def opened(root, stores=None, *, small_bytes=0, build_after_rows=1, **options):
    stores = stores or Stores(root / "cache/rows")
    files = SourceFiles(root, ["0.parquet", "1.parquet"])
    return StoredRows.open(files, stores, small_bytes=small_bytes, build_after_rows=build_after_rows, **options)


def built(root, stores=None):
    rows = opened(root, stores)
    assert rows.build().wait(60)
    return rows


def spoil_files(root):
    """From here on, only a store can give rows: the footers are all that a size and a time cannot tell."""
    for number in range(2):
        path = root / f"{number}.parquet"
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
