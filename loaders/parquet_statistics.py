"""What the footers of Parquet files say of a column's values, row group by row group."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from openenv_tasksets.loaders.parquet_reader import check_chunks, statistics_of
from openenv_tasksets.loaders.rows import ValueRange

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_UNREADABLE = (pa.ArrowException, OSError, ValueError, TypeError)


class GroupOfFile(NamedTuple):
    """A row group, by its file's footer and its number in there."""

    metadata: "pq.FileMetaData"
    number: int


def column_ranges(groups: Iterable[GroupOfFile], name: str) -> list[ValueRange | None]:
    """The least and the greatest value of a top-level column in each row group.

    Only of columns of signed integers, floats and text, whose order is Python's; None where the footer does not
    say. Either bound may be beyond the values that there are, and NaN counts in neither.
    """
    places: dict[int, int | None] = {}
    ranges = []
    for metadata, number in groups:
        if id(metadata) not in places:
            places[id(metadata)] = _place(metadata, name)
        place = places[id(metadata)]
        ranges.append(None if place is None else _range(metadata, number, place))
    return ranges


def _place(metadata: "pq.FileMetaData", name: str) -> int | None:
    """The number of the one leaf that is the column; None where there is none of a known order."""
    schema = metadata.schema.to_arrow_schema()
    if schema.names.count(name) != 1 or not _is_ordered(schema.field(name).type):
        return None
    found = [place for place in range(len(metadata.schema)) if metadata.schema.column(place).path == name]
    # A column "a.b" and a field "b" of a column "a" have one path.
    return found[0] if len(found) == 1 else None


def _is_ordered(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    text = types.is_string(kind) or types.is_large_string(kind)
    return bool(text or types.is_signed_integer(kind) or types.is_float32(kind) or types.is_float64(kind))


def _range(metadata: "pq.FileMetaData", number: int, place: int) -> ValueRange | None:
    try:
        check_chunks(metadata, number, [place])
        statistics = statistics_of(metadata.row_group(number).column(place), metadata.schema.column(place))
        if statistics is None or not statistics.has_min_max:
            return None
        nulls = statistics.null_count if statistics.has_null_count else None
        return ValueRange(statistics.min, statistics.max, nulls)
    except _UNREADABLE:
        return None
