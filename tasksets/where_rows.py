"""Which rows pass a filter: blocks that cannot are not read, and only the columns concerned ever are."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Never

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from openenv_tasksets.binding import Binds, RowPlace
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.rows import ColumnBlocks, Rows
from openenv_tasksets.where import Where
from openenv_tasksets.where_arrow import excludes, holds

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_PYTHON_FORM = (ValueError, OverflowError, pa.ArrowException)
Place = Callable[[int], RowPlace]


def passing_rows(rows: Rows, binding: Binds, where: Where, place: Place, what: str) -> "NDArray[np.bool_]":
    """Whether each row passes; on a terminal it shows how far it is.

    Args:
        rows: The rows, with the columns that the filter needs.
        binding: How public values are read from them.
        where: Conditions on names in ``binding.public``.
        place: Where a row is, for messages.
        what: What is being done, in front of the progress.

    Raises:
        SelectionError: A value and its operand cannot be compared.
        RowError: A value cannot be read.
    """
    flags = np.ones(len(rows), dtype=np.bool_)
    # Only on a terminal, and only once it has taken a second.
    with tqdm(total=len(rows) * len(where.columns), desc=what, unit=" rows", delay=1, disable=None) as progress:
        for name in where.columns:
            if isinstance(rows, ColumnBlocks):
                _by_blocks(_Reading(rows, rows, binding, where, place), name, flags, progress)
            else:
                values = rows.column(binding.public[name].column)
                for row, value in enumerate(values):
                    flags[row] = flags[row] and _passes(binding, where, name, value, place(row))
                    progress.update()
    return flags


class _Reading:
    """What is read block by block, and by which rules."""

    def __init__(self, rows: Rows, blocks: ColumnBlocks, binding: Binds, where: Where, place: Place) -> None:
        self.rows = rows
        self.blocks = blocks
        self.binding = binding
        self.where = where
        self.place = place


def _by_blocks(reading: _Reading, name: str, flags: "NDArray[np.bool_]", progress: "tqdm[Never]") -> None:
    bound = reading.binding.public[name]
    conditions = reading.where.of(name)
    starts = [*reading.rows.block_starts, len(flags)]
    ranges = reading.blocks.column_ranges(bound.column) if bound.is_cell else [None] * (len(starts) - 1)
    for block, known in enumerate(ranges):
        part = flags[starts[block] : starts[block + 1]]
        progress.update(len(part))
        if not part.any():
            continue
        if known is not None and any(excludes(known, condition) for condition in conditions):
            part[:] = False
            continue
        values = reading.blocks.column_block(bound.column, block)
        masks = [holds(values, condition) if bound.is_cell else None for condition in conditions]
        exact = [mask for mask in masks if mask is not None]
        if len(exact) == len(conditions):
            part &= np.logical_and.reduce(exact)
            continue
        for place in np.flatnonzero(part).tolist():
            where_is = reading.place(starts[block] + place)
            try:
                value = values[place].as_py()
            except _NO_PYTHON_FORM as exc:
                at = where_is.location(where_is.row)
                raise SourceError(f"{at}: column {bound.column!r} holds a value that Python cannot") from exc
            part[place] = _passes(reading.binding, reading.where, name, value, where_is)


def _passes(binding: Binds, where: Where, name: str, value: object, place: RowPlace) -> bool:
    public = binding.public_values({binding.public[name].column: value}, [name], place)
    return all(condition.holds(public[name]) for condition in where.of(name))
