"""``Taskset.to_hf``: a split as a table of the ``datasets`` library, in the order of its positions."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import datasets
import pyarrow as pa

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.stream import Stream
from openenv_tasksets.split import Split
from openenv_tasksets.trainer_row import TrainerRows

_PART_ROWS = 1000
_UNFIT = (pa.ArrowException, TypeError, ValueError, OverflowError)


def to_hf(split: Split, *, stop: int | None = None, hidden: Sequence[str] = ()) -> datasets.Dataset:
    """A split as a map-style dataset in memory; see ``Taskset.to_hf``.

    Raises:
        SplitEndless: The split has no end, and no ``stop`` is given.
        SelectionError: A name of ``hidden`` is no hidden argument.
        SourceError: The values of a column are of types that do not go together.
        RowError: A row cannot become a task.
    """
    rows = TrainerRows(split, hidden)
    size = len(split) if stop is None else stop
    with Stream(split, split.order, split.bind, stop=size) as stream:
        made = (rows.row(position, task) for position, task in stream)
        parts = list(_parts(made, split.name))
    table = _joined([part.data.table for part in parts], split.name)
    same = all(part.features == parts[0].features for part in parts)
    # Types that grew are read from the table; what only datasets knows (images, say) is in the features.
    return datasets.Dataset(table.replace_schema_metadata(parts[0].data.schema.metadata if same else None))


def _parts(rows: Iterator[dict[str, Any]], name: str) -> Iterator[datasets.Dataset]:
    part = list(islice(rows, _PART_ROWS))
    while True:
        try:
            yield datasets.Dataset.from_list(part)
        except _UNFIT:
            yield _by_columns(part, name)
        part = list(islice(rows, _PART_ROWS))
        if not part:
            return


def _by_columns(part: Sequence[dict[str, Any]], name: str) -> datasets.Dataset:
    """What cannot be had at once: Arrow never guesses that an integer is unsigned."""
    columns: dict[str, Any] = {argument: [row.get(argument) for row in part] for argument in part[0]}
    for argument, values in columns.items():
        try:
            datasets.Dataset.from_dict({argument: values})
        except _UNFIT:
            # Arrow's own messages quote a value, which may be hidden; and it would cut 1.5 to 1.
            if not all(value is None or (type(value) is int and 0 <= value < 2**64) for value in values):
                raise _no_one_type(name, argument) from None
            columns[argument] = pa.array(values, pa.uint64())
    return datasets.Dataset.from_dict(columns)


def _joined(tables: Sequence[pa.Table], name: str) -> pa.Table:
    columns = {}
    for argument in dict.fromkeys(argument for table in tables for argument in table.column_names):
        try:
            columns[argument] = _joined_column(tables, argument)
        except pa.ArrowException:
            # Its message quotes a value, too.
            raise _no_one_type(name, argument) from None
    return pa.table(columns)


def _joined_column(tables: Sequence[pa.Table], argument: str) -> pa.ChunkedArray:
    """One argument of all parts; those without it are null.

    Raises:
        ArrowException: The parts are of types that do not go together.
    """
    parts = [table[argument] if argument in table.column_names else pa.nulls(len(table)) for table in tables]
    if any(part.type == pa.uint64() for part in parts):
        # Of unsigned and signed integers Arrow makes signed ones, which the large ones are not.
        parts = [part.cast(pa.uint64()) if part.type == pa.int64() else part for part in parts]
    return pa.concat_tables([pa.table({argument: part}) for part in parts], promote_options="permissive")[argument]


def _no_one_type(name: str, argument: str) -> SourceError:
    return SourceError(
        f"split {name!r} is no table: argument {argument!r} holds values of types that do not go together; "
        "make them one type, or use to_torch(), which needs none"
    )
