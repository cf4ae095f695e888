"""From packed rows to Python: what ``to_pylist`` would give. Arrow is loaded for its own types only."""

import struct
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from openenv_tasksets.loaders.rows import Row

MAP_CODE = 127
STREAM_CODE = 126
MOST_TYPES = 126
"""Codes of extension values: for a map, for an Arrow stream of one value, and how many are left for types."""

# The head of a list.
_ROWS = struct.Struct(">BI")


class Unpacker:
    """Unpacks rows. Thread-safe.

    Args:
        types: The serialized Arrow schema whose fields are the types with a code, in the order of their codes; empty
            where there are none.
    """

    def __init__(self, types: bytes = b"") -> None:
        self._serialized = types
        self._types: Any = None
        self._lock = threading.Lock()
        self._unpack_any: Callable[[bytes | memoryview], Any] = msgspec.msgpack.Decoder(ext_hook=self._extension).decode
        self.unpack: Callable[[bytes | memoryview], dict[str, Any]] = self._unpack_any

    def unpack_many(self, packed: bytes | memoryview, count: int) -> list[Row]:
        """Rows that stand one behind the other: sooner than one by one.

        Args:
            packed: Nothing but the rows.
            count: How many.

        Raises:
            Exception: A row has no form in Python, or there are not so many.
        """
        rows: list[Row] = self._unpack_any(b"".join((_ROWS.pack(0xDD, count), packed)))
        return rows

    def _extension(self, code: int, data: memoryview) -> Any:
        if code == MAP_CODE:
            pairs: Any = self.unpack(data)
            return [(key, value) for key, value in pairs]
        import pyarrow as pa

        content = pa.py_buffer(bytes(data))
        if code == STREAM_CODE:
            return pa.ipc.open_stream(content).read_next_batch().column(0)[0].as_py()
        with self._lock:
            if self._types is None:
                self._types = pa.ipc.read_schema(pa.py_buffer(self._serialized)).types
        return pa.Array.from_buffers(self._types[code], 1, [None, content])[0].as_py()


def bad_column(unpacker: Unpacker, row: bytes | memoryview) -> str | None:
    """The first column of a row whose value Python cannot hold; None where the row itself is damaged."""
    try:
        columns = msgspec.msgpack.decode(row, type=dict[str, msgspec.Raw])
        for name, value in columns.items():
            try:
                unpacker.unpack(bytes(value))
            except Exception:  # noqa: BLE001 - whatever Arrow raises for the value
                return name
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return None
