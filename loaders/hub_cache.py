"""What is remembered of a repository beside its files in the Hub's cache, and goes when they are removed.

Four things: the list of files of a commit, which of the downloaded files had the right hash, parts of files that
were not downloaded, and what commit a branch stood for last. The last is kept where the Hub's own library keeps it.
All of it can be had again, so what cannot be written (a full disk, a cache that is read-only) is not remembered,
and what cannot be read is as if it were not there.
"""

import os
import secrets
import shutil
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.reference import is_commit_hash

_Listing = tuple[HubFile, ...]
_CHECKSUM_BYTES = 4
_MOST_PART_BYTES = 8 << 20


class HubCache:
    """The memory of one repository. Any number of threads and processes may share it.

    Args:
        folder: The repository's folder in the Hub's cache.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / "openenv-tasksets"

    def snapshot(self, commit_hash: str) -> Path:
        """The folder in which the Hub's library keeps the files of a commit."""
        return self._folder / "snapshots" / commit_hash

    def listing(self, commit_hash: str) -> _Listing | None:
        """Every file of the commit; None where that is not known."""
        try:
            return msgspec.json.decode(self._listing(commit_hash).read_bytes(), type=_Listing)
        except (OSError, msgspec.DecodeError):
            return None

    def keep_listing(self, commit_hash: str, files: Sequence[HubFile]) -> None:
        """Remember every file of the commit: it is never going to have others."""
        _write(self._listing(commit_hash), msgspec.json.encode(files))

    def last_commit(self, revision: str) -> str | None:
        """The commit that the revision stood for when it was last asked for; None where that is not known."""
        try:
            text = (self._folder / "refs" / revision).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return text if is_commit_hash(text) else None

    def keep_commit(self, revision: str, commit_hash: str) -> None:
        """Remember what the revision stands for now."""
        _write(self._folder / "refs" / revision, commit_hash.encode())

    def confirm(self, file: HubFile, path: Path) -> bool:
        """Whether ``path`` holds ``file``: by its hash the first time, and then for as long as it is not written to.

        A file with another hash is removed from the cache, with the blob that it is a link to.
        """
        try:
            blob = path.resolve(strict=True)
            status = blob.stat()
            stamp = f"{status.st_size} {status.st_mtime_ns}".encode()
            marker = self._own / "verified" / file.digest
            if _read(marker) == stamp:
                return True
            if file.is_at(blob):
                _write(marker, stamp)
                return True
            if blob.stat().st_mtime_ns == status.st_mtime_ns:
                _remove(path)
        except FileNotFoundError:
            # Another process found it wrong at the same time, and was faster to remove it.
            pass
        return False

    def part(self, file: HubFile, start: int, end: int) -> bytes | None:
        """The bytes of a file from ``start`` up to ``end``, where they are kept, and as they were."""
        kept = _read(self._parts(file) / f"{start}-{end}")
        if kept is None or len(kept) != end - start + _CHECKSUM_BYTES:
            return None
        content = kept[_CHECKSUM_BYTES:]
        return content if kept[:_CHECKSUM_BYTES] == _checksum(content) else None

    def keep_part(self, file: HubFile, start: int, content: bytes) -> None:
        """Keep bytes of a file that is not in the cache; such as are too many for that are left."""
        if len(content) <= _MOST_PART_BYTES:
            _write(self._parts(file) / f"{start}-{start + len(content)}", _checksum(content) + content)

    def drop_parts(self, file: HubFile) -> None:
        """Remove what is kept of a file: it is in the cache as a whole."""
        shutil.rmtree(self._parts(file), ignore_errors=True)

    def _parts(self, file: HubFile) -> Path:
        return self._own / "parts" / file.digest

    def _listing(self, commit_hash: str) -> Path:
        return self._own / "files" / f"{commit_hash}.json"


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little")


def _remove(path: Path) -> None:
    """Remove a file, and if it is a link what it leads to, link by link."""
    with suppress(OSError):
        while path.is_symlink():
            target = path.parent / path.readlink()
            path.unlink()
            path = target
        path.unlink()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old one or the new one, whole."""
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
