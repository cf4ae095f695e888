"""Many rows of Parquet files at once: row groups are decoded side by side, each once, and only what is wanted packed.

A shuffled walk over files that have no store yet lives by this: decoding is what it costs, which is the same for one
row of a group and for all.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from openenv_tasksets.loaders.parquet_footer import BROKEN
from openenv_tasksets.loaders.parquet_group import Group, Piece
from openenv_tasksets.loaders.row_form import RowForm

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_THREADS = 4
_BATCH_ROWS = 4096


def gather(
    groups: Sequence[Group], starts: Sequence[int], form: RowForm, indices: "NDArray[np.int64]"
) -> pa.BinaryArray:
    """The packed rows at some indices, in the order given.

    Args:
        groups: All row groups; none of them is kept decoded.
        starts: The first row of each, and behind them the number of rows.
        form: How rows are packed.
        indices: Which rows, at least one; repeats are allowed.

    Raises:
        TasksetError: As ``Group.batches`` does.
    """

    def packed(number: int, places: "NDArray[np.int64]") -> pa.BinaryArray:
        return _picked(groups[number], places, form)

    return in_order(indices, lambda ordered: _each_group(starts, ordered, packed))


def in_order(
    indices: "NDArray[np.int64]", read: Callable[["NDArray[np.int64]"], Sequence[pa.BinaryArray]]
) -> pa.BinaryArray:
    """What ``read`` gives for the indices in ascending order, put into theirs."""
    ranks = np.argsort(indices, kind="stable")
    places = np.empty_like(ranks)
    places[ranks] = np.arange(len(ranks))
    return pa.concat_arrays(read(indices[ranks])).take(_whole_numbers(places))


def pieces(piece_of: Callable[[int], tuple[int, Piece]], indices: "NDArray[np.int64]") -> pa.BinaryArray:
    """The packed rows at indices that stand together, by whole pieces, which are kept for what comes next.

    Args:
        piece_of: The row that the piece of a row starts with, and the piece.
        indices: As in ``gather``.
    """

    def read(ordered: "NDArray[np.int64]") -> list[pa.BinaryArray]:
        found = []
        done = 0
        while done < len(ordered):
            start, piece = piece_of(int(ordered[done]))
            last = int(ordered.searchsorted(start + piece.count))
            found.append(piece.pack().rows.take(_whole_numbers(ordered[done:last] - start)))
            done = last
        return found

    return in_order(indices, read)


def _each_group(
    starts: Sequence[int],
    ordered: "NDArray[np.int64]",
    packed: Callable[[int, "NDArray[np.int64]"], pa.BinaryArray],
) -> list[pa.BinaryArray]:
    bounds = np.searchsorted(ordered, np.asarray(starts)).tolist()
    wanted = [number for number, (first, last) in enumerate(pairwise(bounds)) if last > first]
    places = [ordered[bounds[number] : bounds[number + 1]] - starts[number] for number in wanted]
    threads = min(_MOST_THREADS, os.cpu_count() or 1, len(wanted))
    if threads == 1:
        return list(map(packed, wanted, places))
    with ThreadPoolExecutor(threads, thread_name_prefix="tasksets-gather") as pool:
        return list(pool.map(packed, wanted, places))


def _picked(group: Group, places: "NDArray[np.int64]", form: RowForm) -> pa.BinaryArray:
    """The packed rows at some places of a row group, ascending."""
    taken = pa.Table.from_batches(_taken(group, places)).combine_chunks()
    try:
        return pa.concat_arrays([form.packer.pack(batch) for batch in taken.to_batches()])
    except BROKEN as exc:
        raise group.undecodable(exc) from exc


def _taken(group: Group, places: "NDArray[np.int64]") -> Iterator[pa.RecordBatch]:
    start = done = 0
    for batch in group.batches(group.columns, min(_BATCH_ROWS, group.most_rows)):
        last = int(places.searchsorted(start + batch.num_rows))
        if last > done:
            yield batch.take(_whole_numbers(places[done:last] - start))
        start, done = start + batch.num_rows, last


def _whole_numbers(numbers: "NDArray[np.int64]") -> pa.Array:
    # ``pa.array`` imports pandas where it is, which takes half a second.
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])
