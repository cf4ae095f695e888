"""The file of task hashes beside a lock: split, id and content hash of every task, in the order of the rows.

It is Parquet, though not named so, lest it be taken for rows of the dataset that it lies beside.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from openenv_tasksets.task_hash import HASH_BYTES

Tasks = dict[str, bytes]
"""Id to content hash, in the order of the rows of one split."""

_SCHEMA = pa.schema(
    [
        pa.field("split", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("hash", pa.binary(HASH_BYTES), nullable=False),
    ]
)


def tasks_digest(tasks: Tasks) -> str:
    """Hex digest of the tasks of one split: their ids, hashes and order."""
    total = hashlib.blake2b(digest_size=HASH_BYTES)
    for task_id, hashed in tasks.items():
        encoded = task_id.encode("utf-8", "surrogatepass")
        total.update(len(encoded).to_bytes(8, "big") + encoded + hashed)
    return total.hexdigest()


def write_task_hashes(stream: BinaryIO, splits: Mapping[str, Tasks]) -> None:
    """Write the content of the file.

    Raises:
        OSError: It cannot be written.
    """
    with pq.ParquetWriter(
        stream,
        _SCHEMA,
        compression="zstd",
        # Hashes are random: a dictionary of them would only be in the way.
        use_dictionary=["split"],
        column_encoding={"id": "DELTA_BYTE_ARRAY", "hash": "PLAIN"},
    ) as writer:
        for name, tasks in splits.items():
            split = pa.array([name] * len(tasks), pa.string()).dictionary_encode()
            ids, hashes = pa.array(tasks, pa.string()), pa.array(tasks.values(), pa.binary(HASH_BYTES))
            writer.write_table(pa.Table.from_arrays([split, ids, hashes], schema=_SCHEMA))


def read_task_hashes(path: Path) -> dict[str, Tasks]:
    """The tasks of each split that has any.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is not such a file.
    """
    splits: dict[str, Tasks] = {}
    with path.open("rb") as stream, pq.ParquetFile(stream) as parquet:
        if parquet.schema_arrow.names != _SCHEMA.names:
            raise ValueError("it has other columns")
        for batch in parquet.iter_batches():
            for split, task_id, hashed in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                splits.setdefault(split, {})[task_id] = hashed
    return splits
