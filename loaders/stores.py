"""All row stores of this machine's user: what they take, which of them are whole, and what goes first."""

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from openenv_tasksets.loaders.cache_folder import default_cache, limit_from_environment
from openenv_tasksets.loaders.store import ENTRY, HEAD, INDEX, ROWS, Head, records

DEFAULT_LIMIT_BYTES = 20 << 30
"""What all row stores together may take, where nothing else is said."""

_SPARE_BYTES = 512 << 20
_LAYOUT = "layout.json"


class Stored(msgspec.Struct, frozen=True):
    """One store on the disk.

    Attributes:
        folder: Where it is.
        head: What it holds.
        size: Bytes on the disk.
        used: When it was last opened or written to, in seconds since 1970.
        rows: How many rows it has.
    """

    folder: Path
    head: Head
    size: int
    used: float
    rows: int

    @property
    def name(self) -> str:
        """A short name, to tell it from others."""
        return f"{self.folder.parent.name[:8]}-{self.folder.name[:8]}"


class Stores(msgspec.Struct, frozen=True):
    """The folder of all row stores.

    Attributes:
        folder: Where it is; only its user may look into it.
        limit_bytes: What they may take together.
    """

    folder: Path
    limit_bytes: int = DEFAULT_LIMIT_BYTES

    @classmethod
    def default(cls, limit_bytes: int | None = None) -> "Stores":
        """Those of the user's cache.

        Args:
            limit_bytes: None takes ``OPENENV_TASKSETS_CACHE_LIMIT``, else the default.

        Raises:
            SourceError: The variable is not a size.
        """
        if not hasattr(os, "pread"):  # on Windows
            limit_bytes = 0
        if limit_bytes is None:
            limit_bytes = limit_from_environment()
        return cls(default_cache() / "rows", DEFAULT_LIMIT_BYTES if limit_bytes is None else limit_bytes)

    def __iter__(self) -> Iterator[Stored]:
        """Every store, the one used last first."""
        found = []
        for head in self.folder.glob(f"*/*/{HEAD}"):
            with suppress(OSError, msgspec.DecodeError):
                found.append(_stored(head.parent))
        return iter(sorted(found, key=lambda store: store.used, reverse=True))

    def make_room(self, wanted_bytes: int, folder: Path) -> int:
        """Remove the stores that were used least recently, until one may grow.

        Args:
            wanted_bytes: By how much.
            folder: The one that grows, and stays.

        Returns:
            How many bytes it may grow: fewer than wanted, even none, where there is no more to remove.

        Raises:
            OSError: The disk cannot be asked.
        """
        import shutil

        others = [store for store in self if store.folder != folder]
        left = self.limit_bytes - sum(store.size for store in others) - _size(folder)
        free = shutil.disk_usage(folder).free - _SPARE_BYTES
        while others and min(left, free) < wanted_bytes:
            oldest = others.pop()
            remove(oldest.folder)
            left += oldest.size
            free += oldest.size
        return max(0, min(left, free, wanted_bytes))


def damaged_rows(stored: Stored) -> int:
    """How many rows of a store are not as they were written, of those that it claims to have; reads all of it.

    Raises:
        OSError: It cannot be read.
    """
    damaged = 0
    for index in sorted(stored.folder.glob(f"*{INDEX}")):
        content = index.read_bytes()
        blocks = list(records(content))
        with index.with_suffix(ROWS).open("rb") as rows:
            for _, rows_at, table_at, count in blocks:
                rows.seek(table_at)
                ends = list(ENTRY.iter_unpack(_whole_entries(rows.read(ENTRY.size * (count + 1)))))
                rows.seek(rows_at)
                for place in range(count):
                    if place + 1 >= len(ends):
                        damaged += count - place
                        break
                    (start, before), (end, checksum) = ends[place], ends[place + 1]
                    packed = rows.read(max(0, end - start))
                    is_whole = 0 < len(packed) == end - start
                    damaged += not is_whole or zlib.crc32(packed, before) != checksum
    return damaged


def remove(folder: Path) -> int:
    """Remove a store, whoever reads it: what is open stays readable. Returns the bytes that it took."""
    import shutil

    size = _size(folder)
    # What makes it a store goes last, so that one who is killed leaves nothing that nobody lists and removes.
    for ending in (INDEX, ROWS):
        for path in folder.glob(f"*{ending}"):
            with suppress(OSError):
                path.unlink()
    with suppress(OSError):
        (folder / HEAD).unlink()
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        others = [path for path in folder.parent.iterdir() if path.name != _LAYOUT]
        if not others:
            shutil.rmtree(folder.parent, ignore_errors=True)
    return size


def _whole_entries(content: bytes) -> bytes:
    return content[: len(content) // ENTRY.size * ENTRY.size]


def _stored(folder: Path) -> Stored:
    head = msgspec.json.decode((folder / HEAD).read_bytes(), type=Head)
    groups: dict[int, int] = {}
    used = (folder / HEAD).stat().st_mtime
    for index in folder.glob(f"*{INDEX}"):
        used = max(used, index.stat().st_mtime)
        groups |= {group: count for group, _, _, count in records(index.read_bytes())}
    return Stored(folder, head, _size(folder), used, sum(groups.values()))


def _size(folder: Path) -> int:
    size = 0
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size
