"""Row groups of this machine's files one after the other: one thread decodes, another one packs what is decoded.

Both work in Arrow, without the interpreter's lock, so they run side by side, and beside whoever takes the rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import pyarrow as pa

from openenv_tasksets.loaders.packed_rows import AT_ONCE_ROWS, PackedRows
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.parquet_group import Group
from openenv_tasksets.loaders.read_ahead import Batch, ReadAhead
from openenv_tasksets.loaders.rows import Row

AHEAD_BYTES = 4 << 20
"""What is decoded ahead, and what is packed ahead, about."""


def rows_in_order(rows: ParquetRows) -> Iterator[tuple[int, Iterable[Row]]]:
    """All rows, some at a time and how many those are; up to the first that cannot be read so.

    A row that has no form in Python is an error where it is its turn.

    Args:
        rows: Of files that are all on this machine.
    """
    done = 0
    for array in packed_in_order(rows.groups, rows.form.packer.pack):
        packed = PackedRows(array, rows.form.unpacker)
        for first in range(0, len(packed), AT_ONCE_ROWS):
            last = min(first + AT_ONCE_ROWS, len(packed))
            some: Iterable[Row] = map(rows.__getitem__, range(done + first, done + last))
            with suppress(Exception):  # Whatever Arrow raises for a value.
                some = packed.unpack(first, last)
            yield last - first, some
        done += len(packed)


def packed_in_order(
    groups: Sequence[Group], pack: Callable[[pa.RecordBatch], pa.BinaryArray]
) -> Iterator[pa.BinaryArray]:
    """The rows of some groups, packed, some thousand at a time; up to the first that cannot be read or packed.

    The error is not raised: whoever asks for the next row in another way meets it there.

    Args:
        groups: The row groups, in order.
        pack: Makes a value of each row.
    """
    decoded = ReadAhead(_decode(groups), AHEAD_BYTES)
    packed = ReadAhead(_pack(decoded, pack), AHEAD_BYTES)
    try:
        # In a forked process there are no threads to wait for.
        while packed.is_ours and (batch := packed.take()) is not None:
            yield from batch.items
    finally:
        decoded.close()
        packed.close()


def _decode(groups: Sequence[Group]) -> Iterator[Batch[pa.RecordBatch]]:
    for group in groups:
        for batch in group.batches(group.columns, group.piece_rows):
            yield Batch([batch], batch.nbytes)


def _pack(
    decoded: ReadAhead[pa.RecordBatch], pack: Callable[[pa.RecordBatch], pa.BinaryArray]
) -> Iterator[Batch[pa.BinaryArray]]:
    while (batch := decoded.take()) is not None and batch.error is None:
        for rows in map(pack, batch.items):
            yield Batch([rows], rows.nbytes)
