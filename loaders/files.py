"""The files that rows are read from, and whether they are still the ones that were opened."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, overload

import msgspec

from openenv_tasksets.loaders.cache_folder import default_cache
from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import SourceChanged, SourceError


class ByteSource(Protocol):
    """A file of rows, here or elsewhere, that is known to be the same for as long as it is read. Thread-safe."""

    @property
    def name(self) -> str:
        """The path as messages show it."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def identity(self) -> str:
        """Text that no other content has, in this place."""
        ...

    def at_hand(self) -> Path | None:
        """Where it is on a disk of this machine; None while it is elsewhere."""
        ...

    def bring(self) -> None:
        """Have it on a disk of this machine, whole; at once where it is there."""
        ...

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to ``end``."""
        ...

    def check(self) -> None:
        """Make sure that what was just read came from the file that was opened."""
        ...


class ByteSources(Protocol):
    """The files of one split, in the order of their rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> ByteSource: ...

    def __iter__(self) -> Iterator[ByteSource]: ...

    @property
    def fingerprint(self) -> str:
        """BLAKE2b over the SHA-256 of each file in order; names and times do not enter."""
        ...


class SourceFile(msgspec.Struct, frozen=True):
    """One file as it was when it was opened.

    Attributes:
        name: The path as messages show it, relative to the root and with forward slashes.
        path: Where the file is.
        size: Bytes.
        mtime_ns: Time of the last change.
        inode: Number of the file in its file system.
    """

    name: str
    path: Path
    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def at(cls, root: Path, name: str) -> "SourceFile":
        """The file ``name`` under ``root``, as it is now.

        Raises:
            SourceError: There is no such file, it may not be read, or it is not a regular file.
        """
        path = root / name
        try:
            status = path.stat()
        except OSError as exc:
            raise SourceError(f"{name}: cannot be opened: {exc.strerror}") from exc
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{name}: not a regular file")
        if not os.access(path, os.R_OK):
            raise SourceError(f"{name}: may not be read: permission denied")
        return cls(name, path, status.st_size, status.st_mtime_ns, status.st_ino)

    @property
    def identity(self) -> str:
        """Where it is, and what changes when it is written to."""
        return f"{self.path.absolute()} {self.inode} {self.size} {self.mtime_ns}"

    def at_hand(self) -> Path:
        """Its path."""
        return self.path

    def bring(self) -> None:
        """It is here."""

    def check(self) -> None:
        """Make sure that what was just read came from the file that was opened.

        Raises:
            SourceChanged: The file was written to, replaced or removed.
        """
        try:
            status = self.path.stat()
        except OSError as exc:
            raise SourceChanged(f"{self.name}: gone since it was opened; open the taskset again") from exc
        if (status.st_size, status.st_mtime_ns, status.st_ino) != (self.size, self.mtime_ns, self.inode):
            raise SourceChanged(f"{self.name}: changed since it was opened; open the taskset again")

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to ``end``.

        Raises:
            SourceChanged: The file is no longer the one that was opened.
            SourceError: It cannot be read any more.
        """
        try:
            with self.path.open("rb", buffering=0) as stream:
                stream.seek(start)
                content = stream.read(end - start)
        except OSError as exc:
            self.check()
            raise SourceError(f"{self.name}: cannot be read: {exc.strerror}") from exc
        self.check()
        return content


class SourceFiles:
    """The files of one split, in the order of their rows.

    Args:
        root: The folder that the names are relative to.
        names: Paths below it.

    Raises:
        SourceError: One of them cannot be read.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self._files = tuple(SourceFile.at(root, name) for name in names)

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int, /) -> SourceFile: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[SourceFile, ...]: ...
    def __getitem__(self, index: int | slice, /) -> SourceFile | tuple[SourceFile, ...]:
        return self._files[index]

    def __iter__(self) -> Iterator[SourceFile]:
        return iter(self._files)

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE2b over the SHA-256 of each file in order; names and times do not enter.

        Reads every file once, on first use, and not again until it is written to; shows a bar on a terminal once
        that has taken a second. A Parquet footer would not do: it holds sizes and extremes, and editing one answer
        often leaves them all as they were.

        Raises:
            SourceChanged: A file is no longer the one that was opened.
        """
        from openenv_tasksets.loaders.file_digest import FileDigests

        digests = FileDigests(default_cache() / "digests")
        found = [digests.known(file) for file in self._files]
        if None in found:
            from tqdm import tqdm

            total = sum(file.size for file, known in zip(self._files, found, strict=True) if known is None)
            with tqdm(total=total, desc="hash files", unit="B", unit_scale=True, delay=1, disable=None) as bar:
                found = [
                    digests.compute(file, bar.update) if known is None else known
                    for file, known in zip(self._files, found, strict=True)
                ]
        digest = hashlib.blake2b(digest_size=16)
        for each in found:
            digest.update(each or b"")
        return digest.hexdigest()
