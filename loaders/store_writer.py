"""Writing a row store: one row group at a time, each of them there only once it is whole."""

import errno
import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np

from openenv_tasksets.loaders.cache_folder import make_folder
from openenv_tasksets.loaders.parquet_group import Piece
from openenv_tasksets.loaders.store import ENTRY, INDEX, MAGIC, MOST_BLOCK_BYTES, RECORD, ROWS, RowStore, seed

# As ``ENTRY``.
_ENTRY = np.dtype([("end", "=u4"), ("checksum", "=u4")])

# Far longer than any writer takes for a piece of a row group.
_LEFT_S = 600.0

Lock = Callable[[int], None]


def lock_file(descriptor: int) -> None:
    """Lock an open file for this process, or fail at once.

    Raises:
        BlockingIOError: Another process has locked it.
        OSError: It cannot be locked: not on this file system.
    """
    try:
        import fcntl
    except ImportError as exc:  # not on Windows
        raise OSError("there are no locks") from exc
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class StoreBusy(Exception):
    """Another process builds the store."""


class StoreWriter:
    """Appends row groups to a store; for one thread. Two at once are wasteful and do no harm.

    Args:
        store: The store; what is written is seen there at once.
        lock: Locks an open file; None where another writer of this process holds the lock.

    Raises:
        StoreBusy: Another process builds it.
        OSError: The disk does not take it.
    """

    def __init__(self, store: RowStore, *, lock: Lock | None = lock_file) -> None:
        self._store = store
        make_folder(store.folder)
        self._lock = _open(store.folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            if lock is not None:
                lock(self._lock)
                _remove_begun(store.folder)
        except BlockingIOError as exc:
            os.close(self._lock)
            raise StoreBusy from exc
        except OSError:
            pass  # a file system without locks
        token = secrets.token_hex(8)
        self._name = f"{token}{ROWS}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            self._rows = _open(store.folder / self._name, flags)
            self._index = _open(store.folder / f"{token}{INDEX}", flags)
        except OSError:
            os.close(self._lock)
            raise
        self.size = 0

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in (self._rows, self._index, self._lock):
            os.close(descriptor)
        if not self.size:
            for ending in (ROWS, INDEX):
                with suppress(OSError):
                    (self._store.folder / self._name).with_suffix(ending).unlink()

    def write(self, group: int, pieces: Iterable[Piece]) -> None:
        """Add a row group.

        Args:
            group: Its number.
            pieces: All of its rows, packed.

        Raises:
            OSError: The disk does not take it; nothing of it counts.
        """
        at = self.size
        end = count = 0
        checksum = seed(group)
        table = [ENTRY.pack(0, checksum)]
        try:
            for piece in pieces:
                if end + len(piece.data) > MOST_BLOCK_BYTES:
                    raise OSError(errno.EFBIG, "a row group of more than 4 GiB")
                _write(self._rows, piece.data)
                entries, checksum = _entries(piece, end, checksum)
                table.append(entries)
                end += len(piece.data)
                count += piece.count
            _write(self._rows, b"".join(table))
            record = RECORD.pack(MAGIC, group, at, at + end, count, 0)[:-4]
            _write(self._index, record + zlib.crc32(record).to_bytes(4, "little"))
        except BaseException:
            # The file grows from where it was; what a record does not name is never read.
            with suppress(OSError):
                os.ftruncate(self._rows, at)
            with suppress(OSError):
                os.lseek(self._rows, at, os.SEEK_SET)
            raise
        self.size = at + end + ENTRY.size * (count + 1)
        self._store.add(self._name, group, at, at + end)


def _entries(piece: Piece, at: int, checksum: int) -> tuple[bytes, int]:
    """A piece's part of the table, and the last checksum in it.

    Args:
        piece: The rows.
        at: Where they start in their block.
        checksum: The one before.
    """
    rows = piece.data
    ends = np.frombuffer(piece.ends, np.int32).astype(np.int64) - piece.ends[0]
    checksums = [checksum := zlib.crc32(rows[start:end], checksum) for start, end in pairwise(ends.tolist())]
    table = np.empty(piece.count, _ENTRY)
    table["end"] = ends[1:] + at
    table["checksum"] = checksums
    return table.tobytes(), checksum


def _remove_begun(folder: Path) -> None:
    """Remove what those left that were killed before a row group was whole: nobody ever reads or goes on with it.

    A writer without a lock may still be at it in another process, and then it was written to a moment ago.
    """
    for index in folder.glob(f"*{INDEX}"):
        rows = index.with_suffix(ROWS)
        with suppress(FileNotFoundError):  # its writer has ended, and removed it
            status = index.stat()
            written_s = max(status.st_mtime, rows.stat().st_mtime if rows.exists() else 0)
            if status.st_size < RECORD.size and time.time() - written_s > _LEFT_S:
                for path in (rows, index):
                    path.unlink(missing_ok=True)


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(descriptor: int, content: bytes | bytearray | memoryview) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
