"""Filters' results kept on disk: which rows passed, found once by reading a column and then looked up."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from openenv_tasksets.loaders.cache_folder import default_cache, make_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FOLDER = "where"
_MAGIC = b"OETWHERE"
_VERSION = 1
_DIGEST_BYTES = 32
_MOST_FILES = 256


@dataclass(frozen=True, slots=True)
class KeptFilter:
    """What one filter let pass, on the disk.

    Attributes:
        path: The file.
        size: Its bytes.
        used: When it was last read or written, in seconds since 1970.
        rows: Of how many rows it is; None where the file is damaged.
    """

    path: Path
    size: int
    used: float
    rows: int | None

    @property
    def name(self) -> str:
        """A short name, to tell it from others."""
        return f"where-{self.path.name[:8]}"


def kept_filters() -> list[KeptFilter]:
    """All that are kept, the one used last first; reads each, which is small."""
    found = []
    for path in (default_cache() / _FOLDER).glob("*.rows"):
        with contextlib.suppress(OSError):
            status, body = path.stat(), _whole(path.read_bytes())
            start = len(_MAGIC) + len(path.name)
            is_own = body is not None and body.startswith(_MAGIC + path.name.encode())
            rows = int.from_bytes(body[start : start + 8], "little") if is_own and body is not None else None
            found.append(KeptFilter(path, status.st_size, status.st_mtime, rows))
    return sorted(found, key=lambda each: each.used, reverse=True)


def index_folder() -> Path | None:
    """The folder of the user's cache that holds them, for its user only; None where it cannot be made."""
    folder = default_cache() / _FOLDER
    try:
        make_folder(folder)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError:
        return None
    return folder


def index_name(parts: Sequence[object]) -> str:
    """The file name for a filter of rows; ``parts`` are all that its result depends on."""
    text = msgspec.json.encode([_VERSION, *parts])
    return f"{hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()}.rows"


def kept_rows(folder: Path, name: str, count: int, find: Callable[[], "NDArray[np.bool_]"]) -> "NDArray[np.bool_]":
    """Whether each row passes: from the file, or found now and written to it.

    A file that is cut, damaged or of something else is written anew, and so is one that cannot be read. Where
    nothing can be written, the rows are found each time. Two processes may do this at once: the file is put in
    place as a whole. The files used least recently go once there are 256.

    Args:
        folder: Where the file is; it exists.
        name: Its name.
        count: How many rows there are.
        find: Finds the rows.
    """
    path = folder / name
    flags = _read(path, name, count)
    if flags is None:
        flags = find()
        with contextlib.suppress(OSError):
            _write(path, name, flags)
            _drop_oldest(folder)
    return flags


def _read(path: Path, name: str, count: int) -> "NDArray[np.bool_] | None":
    try:
        content = path.read_bytes()
        with contextlib.suppress(OSError):
            os.utime(path)
    except OSError:
        return None
    body = _whole(content)
    head = _head(name, count)
    if body is None or not body.startswith(head):
        return None
    bits = np.frombuffer(body, dtype=np.uint8, offset=len(head))
    return np.unpackbits(bits, count=count).view(np.bool_) if len(bits) == (count + 7) // 8 else None


def _whole(content: bytes) -> bytes | None:
    """A file without its digest; None where it is damaged."""
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    return body if hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() == digest else None


def _write(path: Path, name: str, flags: "NDArray[np.bool_]") -> None:
    body = _head(name, len(flags)) + np.packbits(flags).tobytes()
    descriptor, written = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body + hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest())
        os.replace(written, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(written)
        raise


def _head(name: str, count: int) -> bytes:
    return _MAGIC + name.encode() + count.to_bytes(8, "little")


def _drop_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.rows"), key=lambda path: path.stat().st_mtime)
    for path in files[:-_MOST_FILES]:
        path.unlink()
