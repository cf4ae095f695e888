"""Many rows at once where half of them are stored: each half from where it is sooner had."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from openenv_tasksets.loaders.packed_rows import PackedRows
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.store import RowStore

if TYPE_CHECKING:
    from numpy.typing import NDArray


def gather(
    store: RowStore, starts: Sequence[int], parquet: ParquetRows, indices: "NDArray[np.int64]", *, fetch: bool
) -> PackedRows | None:
    """The rows at some indices, in the order given; None where the files cannot be read so.

    Args:
        store: What has some of the row groups.
        starts: The first row of each row group, and behind them the number of rows.
        parquet: The rows as the files have them.
        indices: Which rows.
        fetch: Whether to ask for what is not on this machine.

    Raises:
        TasksetError: A row group cannot be read.
    """
    has = np.array([number in store for number in range(len(starts) - 1)])
    is_stored = has[np.searchsorted(np.asarray(starts), indices, "right") - 1]
    packed = store.rows(starts, indices[is_stored].tolist())
    if len(packed) < np.count_nonzero(is_stored):  # The store is damaged, or was just removed.
        return parquet.gather(indices, fetch=fetch)
    parts = [_joined(packed)]
    if len(packed) < len(indices):
        left = parquet.gather(indices[~is_stored], fetch=fetch)
        if left is None:
            return None
        parts.append(left.rows)
    places = np.empty(len(indices), np.int64)
    places[is_stored] = np.arange(len(packed))
    places[~is_stored] = np.arange(len(packed), len(indices))
    order = pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)])
    return PackedRows(pa.concat_arrays(parts).take(order), parquet.form.unpacker)


def _joined(packed: Sequence[bytes]) -> pa.BinaryArray:
    ends = np.zeros(len(packed) + 1, np.int32)
    np.cumsum([len(each) for each in packed], out=ends[1:])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(packed))]
    return pa.Array.from_buffers(pa.binary(), len(packed), buffers)
