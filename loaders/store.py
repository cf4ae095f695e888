"""The row store: packed rows of some columns of a split, on this machine's disk, any of them one small read away.

A store is a folder. Whoever builds it writes two files of its own, ``{token}.rows`` and ``{token}.index``, and only
ever appends; so several may build at once, or one after another that was killed, and a reader needs no lock.

``.rows`` holds a block for each row group: its packed rows, one behind the other, and a table with, for each row,
where it ends and the checksum of the block up to there: a row is checked from the checksum before it on, and a run
of rows in one go. ``.index`` holds a record of fixed length for each block that is complete, with a checksum of its
own. A row counts only if the record, the table and its checksum say so, and is otherwise read from Parquet: a builder
that was killed, a disk that was full, a file that was cut and a flipped bit cost time, and never give a wrong row.
Files are read by ``pread``: a memory map would end the process where its file is cut.
"""

import os
import struct
import threading
import time
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from openenv_tasksets.loaders.cache_folder import replace_file

MAGIC = b"OTR2"
"""Of a record. All numbers in records are of little endian, those in tables as the machine has them."""
RECORD = struct.Struct("<4sIQQII")
"""Of ``.index``: magic, row group, where its rows are, where its table is, number of rows, CRC-32 of all before."""
ENTRY = struct.Struct("=II")
"""Of a table: where the row ends, counted from the block's start, and the CRC-32 of all rows up to it.

The first entry is zero, and what the checksums of this block start with."""

MOST_BLOCK_BYTES = 2**32 - 1

ROWS, INDEX, HEAD = ".rows", ".index", "store.json"

_STEP = 0x9E3779B1
_UNREADABLE = (OSError, struct.error, OverflowError, ValueError, MemoryError)
# Of two entries: where a row starts and ends, and the checksums there.
_PAIR = struct.Struct("=IIII")
_pair_at = _PAIR.unpack_from
_TABLES_BYTES = 8 << 20
_crc32 = zlib.crc32
# Not on Windows, where there are no stores.
_pread: Callable[[int, int, int], bytes] = getattr(os, "pread", None)  # type: ignore[assignment]
_LOOK_AGAIN_S = 0.2
_RUN_BYTES = 4 << 20


class Head(msgspec.Struct, frozen=True):
    """What ``store.json`` says.

    Attributes:
        columns: The columns that the rows have.
        types: What ``Unpacker`` takes.
        files: Names of the files that the rows are from, for people.
        rows: How many rows there are in all.
    """

    columns: tuple[str, ...]
    types: bytes
    files: tuple[str, ...]
    rows: int


class Block:
    """A row group in the store.

    Attributes:
        descriptor: Of the open ``.rows`` file.
        rows_at: Where its rows are in there.
        table_at: Where its table is.
        count: How many rows it has.
        table: The table in memory; None where it is not.
    """

    __slots__ = ("count", "descriptor", "rows_at", "table", "table_at")

    def __init__(self, descriptor: int, rows_at: int, table_at: int, count: int) -> None:
        self.descriptor = descriptor
        self.rows_at = rows_at
        self.table_at = table_at
        self.count = count
        self.table: bytes | None = None


class RowStore:
    """The reading side. Thread-safe; what others add is seen within a moment.

    Args:
        folder: Where the store is, or is going to be.
        sizes: How many rows each row group has.
    """

    def __init__(self, folder: Path, sizes: Sequence[int]) -> None:
        self.folder = folder
        self._sizes = sizes
        self._blocks: dict[int, Block] = {}
        self._read_to: dict[str, int] = {}
        self._descriptors: dict[str, int] = {}
        self._table_bytes = 0
        self._looked_at = 0.0
        self._looking = threading.Lock()
        self._is_broken = False
        self.refresh()
        if self._blocks:
            with suppress(OSError):
                os.utime(folder / HEAD)

    def __del__(self) -> None:
        for descriptor in self._descriptors.values():
            with suppress(OSError):
                os.close(descriptor)

    def __contains__(self, group: int) -> bool:
        return group in self._blocks

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def is_complete(self) -> bool:
        """Whether it has every row group."""
        return len(self._blocks) == len(self._sizes)

    def head(self) -> Head | None:
        """What it holds; None where there is no store."""
        try:
            return msgspec.json.decode((self.folder / HEAD).read_bytes(), type=Head)
        except (OSError, msgspec.DecodeError):
            return None

    def keep_head(self, head: Head) -> None:
        """Say what it holds.

        Raises:
            OSError: It cannot be written.
        """
        replace_file(self.folder / HEAD, msgspec.json.encode(head))

    def refresh(self) -> None:
        """Look for row groups that were added, unless that was just done."""
        if self._is_broken or self.is_complete or time.monotonic() < self._looked_at + _LOOK_AGAIN_S:
            return
        if self._looking.acquire(blocking=False):
            try:
                self._look()
            except (FileNotFoundError, NotADirectoryError):
                pass  # there is none, or it was just removed
            except OSError as exc:
                self._give_up(exc)
            finally:
                self._looked_at = time.monotonic()
                self._looking.release()

    def row(self, group: int, place: int) -> bytes | None:
        """A packed row; None where it is not there, or not to be trusted."""
        block = self._blocks.get(group)
        if block is None:
            return None
        # The way of every random row: as few calls as can be.
        try:
            table = block.table
            if table is None:
                start, before, end, checksum = self._entries(group, block, place)
            else:
                start, before, end, checksum = _pair_at(table, ENTRY.size * place)
            packed = _pread(block.descriptor, end - start, block.rows_at + start)
        except _UNREADABLE as exc:
            self._drop(group, exc)
            return None
        if packed and len(packed) == end - start and _crc32(packed, before) == checksum:
            return packed
        self._drop(group)
        return None

    def run(self, group: int, place: int, count: int) -> tuple[bytes, list[int]] | None:
        """Packed rows that follow each other, one behind the other; None as in ``row``.

        Where each of them ends has no checksum of its own: who cuts them elsewhere than at the end must notice where
        a piece does not hold whole rows, and then ask for them one by one.

        Returns:
            At least one row and at most ``count``; zero, and where each row ends.
        """
        block = self._blocks.get(group)
        if block is None:
            return None
        try:
            table = memoryview(_pread(block.descriptor, ENTRY.size * (count + 1), block.table_at + ENTRY.size * place))
            entries = table.cast("I").tolist()
            first = entries[0]
            ends = [end - first for end in entries[::2]]
            if ends[count] > _RUN_BYTES:
                count = max(1, bisect_right(ends, _RUN_BYTES) - 1)
                del ends[count + 1 :]
            content = _pread(block.descriptor, ends[count], block.rows_at + first)
            before, checksum = entries[1], entries[2 * count + 1]
        except (*_UNREADABLE, IndexError, TypeError) as exc:
            self._drop(group, exc)
            return None
        if content and len(content) == ends[count] and _crc32(content, before) == checksum:
            return content, ends
        self._drop(group)
        return None

    def rows(self, starts: Sequence[int], indices: Sequence[int]) -> list[bytes]:
        """Packed rows anywhere, up to the first that ``row`` would give None for.

        Args:
            starts: The first row of each row group, and behind them the number of rows.
            indices: Which rows, each in [0, starts[-1]).
        """
        found = []
        blocks = self._blocks
        # As in ``row``, whose call would take a third of the time.
        for index in indices:
            group = bisect_right(starts, index) - 1
            place = index - starts[group]
            block = blocks.get(group)
            if block is None:
                break
            if block.table is None:
                packed = self.row(group, place)
                if packed is None:
                    break
            else:
                start, before, end, checksum = _pair_at(block.table, 8 * place)
                try:
                    packed = _pread(block.descriptor, end - start, block.rows_at + start)
                except _UNREADABLE as exc:
                    self._drop(group, exc)
                    break
                if not packed or _crc32(packed, before) != checksum or len(packed) != end - start:
                    self._drop(group)
                    break
            found.append(packed)
        return found

    def _entries(self, group: int, block: Block, place: int) -> tuple[int, int, int, int]:
        """The table's entries before a row and of it. The tables of the first million rows or so are kept."""
        size = ENTRY.size * (block.count + 1)
        if self._table_bytes + size > _TABLES_BYTES:
            first, second, third, fourth = _PAIR.unpack(
                _pread(block.descriptor, _PAIR.size, block.table_at + ENTRY.size * place)
            )
            return first, second, third, fourth
        table = _pread(block.descriptor, size, block.table_at)
        if len(table) != size or not table.startswith(ENTRY.pack(0, seed(group))):
            raise ValueError("a table that is cut, or of another block")
        self._table_bytes += size
        block.table = table
        first, second, third, fourth = _pair_at(table, ENTRY.size * place)
        return first, second, third, fourth

    def add(self, name: str, group: int, rows_at: int, table_at: int) -> None:
        """A row group that was just written by this process."""
        self._blocks[group] = Block(self._descriptor(name), rows_at, table_at, self._sizes[group])

    def _look(self) -> None:
        for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name):
            if not entry.name.endswith(INDEX):
                continue
            done = self._read_to.get(entry.name, 0)
            with open(entry.path, "rb") as stream:
                stream.seek(done)
                new = stream.read()
            name = entry.name.removesuffix(INDEX) + ROWS
            size = None
            for group, rows_at, table_at, count in records(new):
                done += RECORD.size
                size = os.fstat(self._descriptor(name)).st_size if size is None else size
                known = group < len(self._sizes) and count == self._sizes[group]
                if known and group not in self._blocks and table_at + ENTRY.size * (count + 1) <= size:
                    self._blocks[group] = Block(self._descriptor(name), rows_at, table_at, count)
            self._read_to[entry.name] = done

    def _descriptor(self, name: str) -> int:
        if name not in self._descriptors:
            self._descriptors[name] = os.open(self.folder / name, os.O_RDONLY)
        return self._descriptors[name]

    def _drop(self, group: int, exc: Exception | None = None) -> None:
        self._blocks.pop(group, None)
        if isinstance(exc, OSError):
            self._give_up(exc)
            return
        _warn("the row store %s is damaged; what is wrong in it is read from Parquet", self.folder)

    def _give_up(self, exc: OSError) -> None:
        if not self._is_broken:
            self._is_broken = True
            _warn("the row store %s cannot be read: %s; rows are read from Parquet", self.folder, exc)
        self._blocks.clear()


def _warn(message: str, *values: object) -> None:
    # A cold start that all goes well with does without.
    import logging

    logging.getLogger(__name__).warning(message, *values)


def seed(group: int) -> int:
    """What the checksums of a block start with, so that another block in its place has the wrong ones."""
    return (group + 1) * _STEP & 0xFFFFFFFF


def records(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Row group, where its rows and its table are, and its number of rows, up to the first record that is not whole."""
    for start in range(0, len(content) - RECORD.size + 1, RECORD.size):
        magic, group, rows_at, table_at, count, checksum = RECORD.unpack_from(content, start)
        if magic != MAGIC or zlib.crc32(content[start : start + RECORD.size - 4]) != checksum:
            return
        yield group, rows_at, table_at, count
