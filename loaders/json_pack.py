"""From Arrow to JSON: each row as a line, as ``msgspec.json.encode`` writes what ``to_pylist`` gives for it.

Text, lists and structs are joined by Arrow's kernels; numbers, dates and all other values are written by msgspec,
a column at a time. A row that has no form in Python, or whose form JSON does not hold, is a line that says so.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from openenv_tasksets.loaders.column_writer import ColumnWriter, Part, binary, constant, joined

NO_FORM = b"\0"
"""The line of a row that Python or JSON cannot hold; no other has such a byte."""

_encode = msgspec.json.encode
_COMMA = ord(",")
_QUOTE = b'"'
# What msgspec escapes, and how: the backslash first, since it is in all others.
_ESCAPES = sorted(
    ((sign, escaped) for sign in map(chr, range(128)) if (escaped := _encode(sign)[1:-1].decode()) != sign),
    key=lambda each: each[0] != "\\",
)
_FIRST_PRINTED = 0x20


class JsonPacker(ColumnWriter):
    """Writes the rows of record batches as lines of JSON. Immutable and thread-safe."""

    NULL = b"null"
    SEPARATOR = b","

    def pack(self, batch: pa.RecordBatch) -> pa.BinaryArray:
        """The rows of a batch, each with the end of its line.

        Raises:
            pa.ArrowException: The bytes of the batch are damaged, or its rows take more than 2 GiB.
        """
        try:
            rows = joined([*self.mapping(batch.schema.names, batch.columns), b"\n"])
        except pa.ArrowCapacityError:
            raise
        except Exception:  # noqa: BLE001 - whatever a value raises on its way to Python and to JSON
            return _array_of(list(_lines(batch)))
        return pa.repeat(constant(rows), batch.num_rows) if isinstance(rows, bytes) else rows

    def mapping(self, names: Sequence[str], arrays: Sequence[pa.Array]) -> list[Part]:
        """An object."""
        parts: list[Part] = []
        lead = b"{"
        for name, array in zip(names, arrays, strict=True):
            parts += [lead, _encode(name), b":", *self.parts(array)]
            lead = b","
        return [*parts, b"}"] if parts else [b"{}"]

    def leaf(self, array: pa.Array) -> list[Part] | None:
        """Text, and all that is not made of other values and whose JSON holds no comma."""
        kind = array.type
        if pa.types.is_string(kind):
            return [_QUOTE, _escaped(array).cast(pa.binary()), _QUOTE]
        return [_listed(array)] if _is_plain(kind) else None

    def other(self, array: pa.Array) -> list[Part]:
        """Value by value."""
        return [_array_of([_encode(value) for value in array.to_pylist()])]

    def list_of(self, lengths: "np.ndarray[Any, np.dtype[np.int64]]", items: list[Part]) -> list[Part]:  # noqa: ARG002
        """In brackets."""
        return [b"[", *items, b"]"]

    def pair(self, key: list[Part], value: list[Part]) -> list[Part]:
        """A list of two, as tuples are written."""
        return [b"[", *key, b",", *value, b"]"]

    def pairs(self, lists: Part) -> list[Part]:
        """The list."""
        return [lists]


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType) or types.is_interval(kind):
        return False
    tests = (
        types.is_boolean,
        types.is_integer,
        types.is_floating,
        types.is_decimal,
        types.is_temporal,
        types.is_binary,
    )
    return any(test(kind) for test in tests)


def _listed(array: pa.Array) -> pa.Array:
    """Values written as one list, and that cut where its commas are."""
    text = np.frombuffer(_encode(array.to_pylist()), np.uint8)[1:]
    commas = np.flatnonzero(text == _COMMA)
    if len(commas) != len(array) - 1:
        raise ValueError("a value with a comma")
    ends = np.zeros(len(array) + 1, np.int32)
    ends[1:-1] = commas + 1
    ends[-1] = len(text)
    # Each value stands before a comma, the last one before the bracket.
    return pc.binary_slice(binary(ends, text), 0, -1)


def _escaped(array: pa.Array) -> pa.Array:
    """Text as it stands between quotes.

    Raises:
        pa.ArrowInvalid: It is not UTF-8.
    """
    array.validate(full=True)
    _, offsets, content = array.buffers()
    if content is None:
        return array
    ends = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4)
    signs = np.frombuffer(content, np.uint8)[ends[0] : ends[-1]]
    if not len(signs):
        return array
    low = signs[signs < _FIRST_PRINTED] if signs.min() < _FIRST_PRINTED else signs[:0]
    present = set(np.unique(low).tolist())
    for sign, escaped in _ESCAPES:
        code = ord(sign)
        if code in present or (code >= _FIRST_PRINTED and (signs == code).any()):
            array = pc.replace_substring(array, sign, escaped)
    return array


def _lines(batch: pa.RecordBatch) -> Iterator[bytes]:
    for place in range(batch.num_rows):
        try:
            [row] = batch.slice(place, 1).to_pylist()
            yield _encode(row) + b"\n"
        except Exception:  # noqa: BLE001 - as above
            yield NO_FORM + b"\n"


def _array_of(values: Sequence[bytes]) -> pa.Array:
    ends = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(each) for each in values], out=ends[1:])
    return binary(ends, np.frombuffer(b"".join(values), np.uint8))
