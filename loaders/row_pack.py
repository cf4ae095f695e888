"""From Arrow to packed rows: each row as MessagePack bytes, made column by column, without Python objects.

A packed row is a map from column to value. ``row_unpack`` gives back what ``to_pylist`` would: text, bytes, numbers,
truth values, nulls, lists and structs are MessagePack's own; the values of the other types of fixed width (dates,
times, decimals, ...) are extension values with Arrow's bytes, in the code of their type; whatever is left is an
Arrow stream of one value. The rows of a batch are joined by Arrow's kernels, which hold no lock of the interpreter.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from openenv_tasksets.loaders.row_unpack import MAP_CODE, MOST_TYPES, STREAM_CODE

_TEXT, _BYTES, _EXTENSION, _LIST = 0xDB, 0xC6, 0xC9, 0xDD

_Part: TypeAlias = "pa.Array | pa.Scalar"


def _constant(content: bytes) -> pa.Scalar:
    """As a value of Arrow's; ``pa.scalar`` and ``pa.array`` import pandas where it is, which takes half a second."""
    return _array(np.array([0, len(content)], np.int32), np.frombuffer(content, np.uint8))[0]


def _array(offsets: "np.ndarray[Any, np.dtype[np.int32]]", content: "np.ndarray[Any, np.dtype[np.uint8]]") -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


_NIL, _TRUE, _FALSE, _SEPARATOR = map(_constant, (b"\xc0", b"\xc3", b"\xc2", b""))


def fixed_types(types: Iterable[pa.DataType]) -> tuple[pa.DataType, ...]:
    """The types inside of ``types`` that need a code each, in a fixed order.

    Those beyond the most that there can be are packed as streams.
    """
    found: dict[pa.DataType, None] = {}
    for kind in types:
        _collect(kind, found)
    return tuple(found)[:MOST_TYPES]


class Packer:
    """Packs the rows of record batches. Immutable and thread-safe.

    Args:
        types: From ``fixed_types``: the code of a type is its place.
    """

    def __init__(self, types: Sequence[pa.DataType]) -> None:
        self._codes = {kind: code for code, kind in enumerate(types)}

    def pack(self, batch: pa.RecordBatch) -> pa.BinaryArray:
        """The rows of a batch, each a map from column to value.

        Raises:
            pa.ArrowException: The bytes of the batch are damaged, or its rows take more than 2 GiB.
        """
        if not batch.num_columns:
            return pa.repeat(_constant(b"\x80"), batch.num_rows)
        joined = _joined(self._map(batch.schema.names, batch.columns))
        return joined if isinstance(joined, pa.Array) else pa.repeat(joined, batch.num_rows)

    def _map(self, names: Sequence[str], arrays: Sequence[pa.Array]) -> list[_Part]:
        parts: list[_Part] = []
        lead = b"\xdf" + struct.pack(">I", len(names))
        for name, array in zip(names, arrays, strict=True):
            parts += [_constant(lead + msgspec.msgpack.encode(name)), *self._parts(array)]
            lead = b""
        return parts

    def _parts(self, array: pa.Array) -> list[_Part]:
        """What, joined row by row, are the packed values of an array."""
        kind = array.type
        types = pa.types
        if types.is_null(kind) or array.null_count == len(array):
            return [_NIL]
        if types.is_string(kind) or types.is_binary(kind):
            return _or_nil(array, _sized(_TEXT if types.is_string(kind) else _BYTES, array.cast(pa.binary())))
        if types.is_boolean(kind):
            return _or_nil(array, [pc.if_else(array, _TRUE, _FALSE)])
        if types.is_integer(kind):
            unsigned = types.is_unsigned_integer(kind)
            return _or_nil(array, [_number(array, 0xCF if unsigned else 0xD3, ">u8" if unsigned else ">i8")])
        if types.is_float32(kind) or types.is_float64(kind):
            return _or_nil(array, [_number(array, 0xCB, ">f8")])
        if kind in self._codes:
            return _or_nil(array, [_fixed(array, self._codes[kind])])
        return self._nested(array)

    def _nested(self, array: pa.Array) -> list[_Part]:
        kind = array.type
        types = pa.types
        if (plain := _plainer(kind)) is not None:
            return self._parts(array.dictionary_decode() if types.is_dictionary(kind) else array.cast(plain))
        if _is_mapping(kind):
            return _or_nil(array, self._map([field.name for field in kind], array.flatten()))
        if types.is_map(kind):
            return _or_nil(array, self._mapping(array))
        if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            return _or_nil(array, self._list(array, _joined(self._parts(array.flatten()))))
        return [_streams(array)]

    def _list(self, array: pa.Array, items: _Part) -> list[_Part]:
        lengths = _lengths(array)
        offsets = np.zeros(len(lengths) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        if isinstance(items, pa.Scalar):
            items = pa.repeat(items, int(offsets[-1]))
        lists = pa.Array.from_buffers(
            pa.list_(pa.binary()), len(lengths), [None, pa.py_buffer(offsets)], children=[items]
        )
        return [_head(_LIST, lengths), pc.binary_join(lists, _SEPARATOR)]

    def _mapping(self, array: pa.Array) -> list[_Part]:
        """A list of pairs inside of an extension value: ``to_pylist`` gives tuples."""
        entries = pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
        buffers = array.buffers()[:2]
        lists = pa.Array.from_buffers(
            pa.list_(entries.type), len(array), buffers, array.null_count, array.offset, [entries]
        )
        keys, values = lists.flatten().flatten()
        pair = _constant(b"\x92")
        pairs = self._list(lists, _joined([pair, *self._parts(keys), *self._parts(values)]))
        return _sized(_EXTENSION, _joined(pairs), MAP_CODE)


def _collect(kind: pa.DataType, found: dict[pa.DataType, None]) -> None:
    types = pa.types
    if (plain := _plainer(kind)) is not None:
        _collect(plain, found)
    elif _is_mapping(kind) or types.is_map(kind) or types.is_nested(kind):
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


def _is_mapping(kind: pa.DataType) -> bool:
    """Whether it is a struct that has a form in Python: a field that is there twice has none."""
    if not pa.types.is_struct(kind) or isinstance(kind, pa.BaseExtensionType) or not kind.num_fields:
        return False
    names = [field.name for field in kind]
    return len(names) == len(set(names))


def _plainer(kind: pa.DataType) -> pa.DataType | None:
    """A type whose values are the same in Python, and which is packed directly."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return None
    if types.is_dictionary(kind):
        return kind.value_type
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind):
        return None if types.is_decimal(kind) else pa.binary()
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return pa.list_(kind.value_field)
    return None


def _joined(parts: Sequence[_Part]) -> _Part:
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, _SEPARATOR)


def _or_nil(array: pa.Array, parts: list[_Part]) -> list[_Part]:
    """The parts, and nil where the array is null."""
    if not array.null_count:
        return parts
    return [pc.if_else(array.is_valid(), _joined(parts), _NIL)]


def _head(tag: int, lengths: "np.ndarray[Any, np.dtype[np.int64]]") -> pa.Array:
    """A tag and a length of 32 bits, in front of what has no fixed length."""
    return _rows_of(tag, lengths.astype(">u4"))


def _sized(tag: int, values: _Part, code: int | None = None) -> list[_Part]:
    """Values of any length behind their lengths, and behind the code of an extension."""
    if isinstance(values, pa.Scalar):
        head: _Part = _constant(bytes([tag]) + struct.pack(">I", len(values.as_buffer())))
    else:
        head = _head(tag, np.diff(_content(values, np.int32, len(values) + 1)))
    return [head, values] if code is None else [head, _constant(bytes([code])), values]


def _number(array: pa.Array, tag: int, form: str) -> pa.Array:
    kind = {">i8": pa.int64(), ">u8": pa.uint64(), ">f8": pa.float64()}[form]
    return _rows_of(tag, _content(array.cast(kind), np.dtype(form).newbyteorder("="), len(array)).astype(form))


def _rows_of(tag: int, numbers: "np.ndarray[Any, np.dtype[np.generic]]") -> pa.Array:
    width = numbers.dtype.itemsize
    rows = np.empty((len(numbers), width + 1), np.uint8)
    rows[:, 0] = tag
    rows[:, 1:] = np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), width)
    return _binary(rows)


def _fixed(array: pa.Array, code: int) -> pa.Array:
    """Extension values that hold Arrow's own bytes."""
    width = array.type.bit_width // 8
    rows = np.empty((len(array), width + 3), np.uint8)
    rows[:, 0], rows[:, 1], rows[:, 2] = 0xC7, width, code
    rows[:, 3:] = _content(array, np.dtype((np.void, width)), len(array)).view(np.uint8).reshape(len(array), width)
    return _binary(rows)


def _binary(rows: "np.ndarray[Any, np.dtype[np.uint8]]") -> pa.Array:
    count, width = rows.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return _array(offsets, rows)


def _lengths(array: pa.Array) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """How many items of each list ``flatten`` gives: none of those that are null."""
    if pa.types.is_fixed_size_list(array.type):
        lengths = np.full(len(array), array.type.list_size, np.int64)
    else:
        wide = pa.types.is_large_list(array.type)
        lengths = np.diff(_content(array, np.int64 if wide else np.int32, len(array) + 1)).astype(np.int64)
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
        lengths[bits[array.offset : array.offset + len(array)] == 0] = 0
    return lengths


def _content(array: pa.Array, form: Any, count: int) -> "np.ndarray[Any, np.dtype[Any]]":
    """The numbers in an array's second buffer; what stands in the place of a null is anything."""
    form = np.dtype(form)
    return np.frombuffer(array.buffers()[1], form, count, array.offset * form.itemsize)


def _streams(array: pa.Array) -> pa.Array:
    return pa.array(_stream_values(array), pa.binary())


def _stream_values(array: pa.Array) -> Iterator[bytes]:
    for place in range(len(array)):
        one = pa.concat_arrays([array.slice(place, 1)])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, pa.schema([("value", array.type)])) as writer:
            writer.write_batch(pa.record_batch([one], ["value"]))
        yield msgspec.msgpack.encode(msgspec.msgpack.Ext(STREAM_CODE, sink.getvalue().to_pybytes()))
