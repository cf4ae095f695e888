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


def to_hf(split: Split, *, stop: int | None = None, hidden: Sequence[str] = ()) -> datasets.Dataset:
    """A split as a map-style dataset in memory; see ``Taskset.to_hf``.

    Raises:
        SelectionError: A name of ``hidden`` is no hidden argument.
        SourceError: The values of a column are of types that do not go together.
        RowError: A row cannot become a task.
    """
    rows = TrainerRows(split, hidden)
    size = split.order.size if stop is None else stop
    with Stream(split, split.order, split.bind, stop=size) as stream:
        made = (rows.row(position, task) for position, task in stream)
        parts = list(_parts(made, split.name))
    try:
        table = pa.concat_tables([part.data.table for part in parts], promote_options="permissive")
    except pa.ArrowException as exc:
        raise _no_one_type(split.name) from exc
    same = all(part.features == parts[0].features for part in parts)
    # Types that grew are read from the table; what only datasets knows (images, say) is in the features.
    return datasets.Dataset(table.replace_schema_metadata(parts[0].data.schema.metadata if same else None))


def _parts(rows: Iterator[dict[str, Any]], name: str) -> Iterator[datasets.Dataset]:
    part = list(islice(rows, _PART_ROWS))
    while True:
        try:
            yield datasets.Dataset.from_list(part)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            # Arrow's own message quotes a value, which may be hidden.
            raise _no_one_type(name) from None
        part = list(islice(rows, _PART_ROWS))
        if not part:
            return


def _no_one_type(name: str) -> SourceError:
    return SourceError(
        f"split {name!r} is no table: an argument holds values of types that do not go together; "
        "make them one type, or use to_torch(), which needs none"
    )
