"""What an Arrow type looks like from Python, so that files written apart can be one split.

Two types have one shape when their values come out as the same Python types: int32 and int64, text and
dictionary-encoded text, a column of nulls and anything. Nullability and the order of struct fields do not
show either.
"""

from typing import Any

import pyarrow as pa

Shape = str | tuple[str, Any] | None
"""A name for plain values, a tagged tuple for nested ones, None for a column of nulls."""


class Conflict(Exception):
    """Two shapes whose values cannot stand in one column."""


def shape(kind: pa.DataType) -> Shape:
    """The shape of an Arrow type."""
    types = pa.types
    if types.is_null(kind):
        return None
    if types.is_dictionary(kind):
        return shape(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind)
    if types.is_struct(kind):
        fields = (kind.field(place) for place in range(kind.num_fields))
        return ("struct", {field.name: shape(field.type) for field in fields})
    if types.is_map(kind):
        return ("map", {"key": shape(kind.key_type), "value": shape(kind.item_type)})
    if hasattr(kind, "value_field"):
        return ("list", {"item": shape(kind.value_field.type)})
    if types.is_timestamp(kind):
        return f"timestamp, time zone {kind.tz}"
    return _plain(kind)


def _plain(kind: pa.DataType) -> str:
    types = pa.types
    for name, tests in {
        "integer": (types.is_integer,),
        "float": (types.is_floating,),
        "text": (types.is_string, types.is_large_string, types.is_string_view),
        "bytes": (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view),
        "decimal": (types.is_decimal,),
        "date": (types.is_date,),
        "time": (types.is_time,),
        "duration": (types.is_duration,),
    }.items():
        if any(test(kind) for test in tests):
            return name
    return str(kind)


def merge(one: Shape, other: Shape) -> Shape:
    """The shape that holds the values of both.

    Raises:
        Conflict: There is none.
    """
    if one is None or other is None or one == other:
        return other if one is None else one
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        raise Conflict
    if one[0] != other[0] or one[1].keys() != other[1].keys():
        raise Conflict
    return (one[0], {name: merge(one[1][name], other[1][name]) for name in one[1]})
