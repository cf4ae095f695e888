"""From Arrow to bytes, row by row but made column by column, without Python objects: what every form of rows shares.

A value is the join of parts: bytes that are the same in every row, and arrays with those of each row. Parts are joined
by Arrow's kernels, which hold no lock of the interpreter.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Part: TypeAlias = "pa.Array | bytes"


class ColumnWriter(ABC):
    """Writes the rows of record batches; a form says how its values look. Immutable and thread-safe."""

    NULL: bytes
    SEPARATOR: bytes
    """Of the items of a list."""

    def parts(self, array: pa.Array) -> list[Part]:
        """What, joined row by row, are the values of an array."""
        kind = array.type
        types = pa.types
        if types.is_null(kind) or array.null_count == len(array):
            return [self.NULL]
        leaf = self.leaf(array)
        if leaf is not None:
            return self._or_null(array, leaf)
        if (plain := plainer(kind)) is not None:
            return self.parts(array.dictionary_decode() if types.is_dictionary(kind) else array.cast(plain))
        if is_mapping(kind):
            return self._or_null(array, self.mapping([field.name for field in kind], array.flatten()))
        if types.is_map(kind):
            return self._or_null(array, self._pairs(array))
        if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or _is_view(kind):
            return self._or_null(array, self._list(array, self.parts(array.flatten())))
        return self.other(array)

    @abstractmethod
    def mapping(self, names: Sequence[str], arrays: Sequence[pa.Array]) -> list[Part]:
        """A struct or a row, of its fields."""

    @abstractmethod
    def leaf(self, array: pa.Array) -> list[Part] | None:
        """Values that this form writes directly, anything in the place of a null; None for those of other types."""

    @abstractmethod
    def other(self, array: pa.Array) -> list[Part]:
        """Values, null or not, of the types that are left."""

    @abstractmethod
    def list_of(self, lengths: "np.ndarray[Any, np.dtype[np.int64]]", items: list[Part]) -> list[Part]:
        """Lists, of their lengths and their items, which are joined."""

    @abstractmethod
    def pair(self, key: list[Part], value: list[Part]) -> list[Part]:
        """A key and a value of a map."""

    @abstractmethod
    def pairs(self, lists: Part) -> list[Part]:
        """A map, of the list of its pairs."""

    def _list(self, array: pa.Array, parts: list[Part]) -> list[Part]:
        lengths = _lengths(array)
        offsets = np.zeros(len(lengths) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        # What all items begin and end with is part of what stands between them, unless there is a list of none.
        lead, parts, tail = _unwrapped(parts) if lengths.all() else (b"", parts, b"")
        items = joined(parts)
        if isinstance(items, bytes):
            items = pa.repeat(constant(items), int(offsets[-1]))
        lists = pa.Array.from_buffers(
            pa.list_(pa.binary()), len(lengths), [None, pa.py_buffer(offsets)], children=[items]
        )
        return self.list_of(lengths, [lead, pc.binary_join(lists, constant(tail + self.SEPARATOR + lead)), tail])

    def _pairs(self, array: pa.Array) -> list[Part]:
        """A list of pairs: ``to_pylist`` gives tuples."""
        entries = pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
        buffers = array.buffers()[:2]
        lists = pa.Array.from_buffers(
            pa.list_(entries.type), len(array), buffers, array.null_count, array.offset, [entries]
        )
        keys, values = lists.flatten().flatten()
        return self.pairs(joined(self._list(lists, self.pair(self.parts(keys), self.parts(values)))))

    def _or_null(self, array: pa.Array, parts: list[Part]) -> list[Part]:
        """The parts, and null where the array is."""
        if not array.null_count:
            return parts
        value = joined(parts)
        value = constant(value) if isinstance(value, bytes) else value
        return [pc.if_else(array.is_valid(), value, constant(self.NULL))]


def _unwrapped(parts: list[Part]) -> tuple[bytes, list[Part], bytes]:
    """The bytes that come first and last in every row, and around what."""
    first = next((place for place, part in enumerate(parts) if not isinstance(part, bytes)), None)
    if first is None:
        return b"", parts, b""
    last = next(place for place in range(len(parts) - 1, -1, -1) if not isinstance(parts[place], bytes))
    return b"".join(parts[:first]), parts[first : last + 1], b"".join(parts[last + 1 :])


def joined(parts: Sequence[Part]) -> Part:
    """All parts as one, row by row."""
    merged: list[Part] = []
    for is_constant, some in groupby(parts, lambda part: isinstance(part, bytes)):
        if not is_constant:
            merged += some
        elif content := b"".join(some):
            merged.append(content)
    if len(merged) < 2:
        return merged[0] if merged else b""
    whole = [constant(part) if isinstance(part, bytes) else part for part in merged]
    return pc.binary_join_element_wise(*whole, constant(b""))


def constant(content: bytes) -> pa.Scalar:
    """As a value of Arrow's; ``pa.scalar`` and ``pa.array`` import pandas where it is, which takes half a second."""
    return binary(np.array([0, len(content)], np.int32), np.frombuffer(content, np.uint8))[0]


def binary(offsets: "np.ndarray[Any, np.dtype[np.int32]]", content: "np.ndarray[Any, np.dtype[Any]]") -> pa.Array:
    """Values from where each of them ends, and their bytes."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def numbers(array: pa.Array, form: Any, count: int, buffer: int = 1) -> "np.ndarray[Any, np.dtype[Any]]":
    """Those in a buffer of an array, by default the second; what stands in the place of a null is anything."""
    form = np.dtype(form)
    return np.frombuffer(array.buffers()[buffer], form, count, array.offset * form.itemsize)


def is_mapping(kind: pa.DataType) -> bool:
    """Whether it is a struct that has a form in Python: a field that is there twice has none."""
    if not pa.types.is_struct(kind) or isinstance(kind, pa.BaseExtensionType) or not kind.num_fields:
        return False
    names = [field.name for field in kind]
    return len(names) == len(set(names))


def plainer(kind: pa.DataType) -> pa.DataType | None:
    """A type whose values are the same in Python, and which is written directly."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return None
    if types.is_dictionary(kind):
        return kind.value_type
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind):
        return None if types.is_decimal(kind) else pa.binary()
    return None


def _is_view(kind: pa.DataType) -> bool:
    # Arrow's own cast to a list leaves its offsets one short.
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))


def _lengths(array: pa.Array) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """How many items of each list ``flatten`` gives: none of those that are null."""
    if pa.types.is_fixed_size_list(array.type):
        lengths = np.full(len(array), array.type.list_size, np.int64)
    elif _is_view(array.type):
        wide = pa.types.is_large_list_view(array.type)
        lengths = numbers(array, np.int64 if wide else np.int32, len(array), 2).astype(np.int64)
    else:
        wide = pa.types.is_large_list(array.type)
        lengths = np.diff(numbers(array, np.int64 if wide else np.int32, len(array) + 1)).astype(np.int64)
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
        lengths[bits[array.offset : array.offset + len(array)] == 0] = 0
    return lengths
