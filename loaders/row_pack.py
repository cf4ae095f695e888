"""From Arrow to packed rows: each row as MessagePack bytes, made column by column, without Python objects.

A packed row is a map from column to value. ``row_unpack`` gives back what ``to_pylist`` would: text, bytes, numbers,
truth values, nulls, lists and structs are MessagePack's own; the values of the other types of fixed width (dates,
times, decimals, ...) are extension values with Arrow's bytes, in the code of their type; whatever is left is an
Arrow stream of one value.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from openenv_tasksets.loaders.column_writer import (
    ColumnWriter,
    Part,
    binary,
    constant,
    is_mapping,
    joined,
    numbers,
    plainer,
)
from openenv_tasksets.loaders.row_unpack import MAP_CODE, MOST_TYPES, STREAM_CODE

_TEXT, _BYTES, _EXTENSION, _LIST = 0xDB, 0xC6, 0xC9, 0xDD
_TRUE, _FALSE = map(constant, (b"\xc3", b"\xc2"))


def fixed_types(types: Iterable[pa.DataType]) -> tuple[pa.DataType, ...]:
    """The types inside of ``types`` that need a code each, in a fixed order.

    Those beyond the most that there can be are packed as streams.
    """
    found: dict[pa.DataType, None] = {}
    for kind in types:
        _collect(kind, found)
    return tuple(found)[:MOST_TYPES]


class Packer(ColumnWriter):
    """Packs the rows of record batches. Immutable and thread-safe.

    Args:
        types: From ``fixed_types``: the code of a type is its place.
    """

    NULL = b"\xc0"
    SEPARATOR = b""

    def __init__(self, types: Sequence[pa.DataType]) -> None:
        self._codes = {kind: code for code, kind in enumerate(types)}

    def pack(self, batch: pa.RecordBatch) -> pa.BinaryArray:
        """The rows of a batch, each a map from column to value.

        Raises:
            pa.ArrowException: The bytes of the batch are damaged, or its rows take more than 2 GiB.
        """
        if not batch.num_columns:
            return pa.repeat(constant(b"\x80"), batch.num_rows)
        rows = joined(self.mapping(batch.schema.names, batch.columns))
        return pa.repeat(constant(rows), batch.num_rows) if isinstance(rows, bytes) else rows

    def mapping(self, names: Sequence[str], arrays: Sequence[pa.Array]) -> list[Part]:
        """Names and values in turns."""
        parts: list[Part] = [b"\xdf" + struct.pack(">I", len(names))]
        for name, array in zip(names, arrays, strict=True):
            parts += [msgspec.msgpack.encode(name), *self.parts(array)]
        return parts

    def leaf(self, array: pa.Array) -> list[Part] | None:
        """MessagePack's own values, and those that have a code."""
        kind = array.type
        types = pa.types
        if types.is_string(kind) or types.is_binary(kind):
            return _sized(_TEXT if types.is_string(kind) else _BYTES, array.cast(pa.binary()))
        if types.is_boolean(kind):
            return [pc.if_else(array, _TRUE, _FALSE)]
        if types.is_integer(kind):
            unsigned = types.is_unsigned_integer(kind)
            return _number(array, 0xCF if unsigned else 0xD3, ">u8" if unsigned else ">i8")
        if types.is_float32(kind) or types.is_float64(kind):
            return _number(array, 0xCB, ">f8")
        return _fixed(array, self._codes[kind]) if kind in self._codes else None

    def other(self, array: pa.Array) -> list[Part]:
        """Streams."""
        return [pa.array(_stream_values(array), pa.binary())]

    def list_of(self, lengths: "np.ndarray[Any, np.dtype[np.int64]]", items: list[Part]) -> list[Part]:
        """The items behind their number."""
        return [*_head(_LIST, lengths), *items]

    def pair(self, key: list[Part], value: list[Part]) -> list[Part]:
        """A list of two."""
        return [b"\x92", *key, *value]

    def pairs(self, lists: Part) -> list[Part]:
        """The list inside of an extension value, since its items become tuples."""
        return _sized(_EXTENSION, lists, MAP_CODE)


def _collect(kind: pa.DataType, found: dict[pa.DataType, None]) -> None:
    types = pa.types
    if (plain := plainer(kind)) is not None:
        _collect(plain, found)
    elif is_mapping(kind) or types.is_map(kind) or types.is_nested(kind):
        for place in range(kind.num_fields):
            _collect(kind.field(place).type, found)
    elif _is_fixed(kind):
        found[kind] = None


def _is_fixed(kind: pa.DataType) -> bool:
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType) or types.is_dictionary(kind):
        return False
    is_own = types.is_boolean(kind) or types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind)
    return not is_own and (types.is_temporal(kind) or types.is_decimal(kind) or types.is_float16(kind))


def _head(tag: int, lengths: "np.ndarray[Any, np.dtype[np.int64]]") -> list[Part]:
    """A tag and a length of 32 bits, in front of what has no fixed length."""
    return [bytes([tag]), _of_width(lengths.astype(">u4"), 4)]


def _sized(tag: int, values: Part, code: int | None = None) -> list[Part]:
    """Values of any length behind their lengths, and behind the code of an extension."""
    if isinstance(values, bytes):
        head: list[Part] = [bytes([tag]) + struct.pack(">I", len(values))]
    else:
        head = _head(tag, np.diff(numbers(values, np.int32, len(values) + 1)))
    return [*head, values] if code is None else [*head, bytes([code]), values]


def _number(array: pa.Array, tag: int, form: str) -> list[Part]:
    kind = {">i8": pa.int64(), ">u8": pa.uint64(), ">f8": pa.float64()}[form]
    values = numbers(array.cast(kind), np.dtype(form).newbyteorder("="), len(array))
    return [bytes([tag]), _of_width(values.astype(form), 8)]


def _fixed(array: pa.Array, code: int) -> list[Part]:
    """Extension values that hold Arrow's own bytes."""
    width = array.type.bit_width // 8
    values = numbers(array, np.dtype((np.void, width)), len(array))
    return [bytes([0xC7, width, code]), _of_width(values, width)]


def _of_width(values: "np.ndarray[Any, np.dtype[Any]]", width: int) -> pa.Array:
    """The bytes of each value."""
    return binary(np.arange(len(values) + 1, dtype=np.int32) * np.int32(width), values)


def _stream_values(array: pa.Array) -> Iterator[bytes]:
    for place in range(len(array)):
        one = pa.concat_arrays([array.slice(place, 1)])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, pa.schema([("value", array.type)])) as writer:
            writer.write_batch(pa.record_batch([one], ["value"]))
        yield msgspec.msgpack.encode(msgspec.msgpack.Ext(STREAM_CODE, sink.getvalue().to_pybytes()))
