"""The files that a taskset's rows are in: what each holds is known by its hash, before any is opened."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from openenv_tasksets.loaders.files import SourceFile
from openenv_tasksets.loaders.layout import file_format
from openenv_tasksets.loaders.load import open_rows
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.snapshot import Snapshot

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RowFile:
    """One file of rows.

    Attributes:
        path: Relative to the root, with forward slashes.
        size: Bytes.
        sha256: SHA-256 of the content; None where only git's own hash is listed.
        git_sha1: Git's hash of the content; None where the content is kept outside of git.
        rows: How many rows it has; None where that is not known without opening it.
    """

    path: str
    size: int
    sha256: str | None
    git_sha1: str | None = None
    rows: int | None = None

    def keys(self) -> dict[str, tuple[str, str]]:
        """By the kind of hash, a name for the rows in it: files that share one hold the same."""
        known = {"sha256": self.sha256, "git": self.git_sha1}
        return {kind: (file_format(self.path) or "", value) for kind, value in known.items() if value is not None}


Unit = tuple[RowFile, ...]
"""Files of a split whose rows do not depend on any other file."""


def units(files: Iterable[RowFile]) -> tuple[Unit, ...]:
    """The files of one split as the parts that can be read without the others.

    A Parquet file says its own columns and types. In the other formats they are those of all files together.
    """
    files = tuple(files)
    if all(file_format(file.path) == "parquet" for file in files):
        return tuple((file,) for file in files)
    return (files,)


def unit_keys(unit: Unit) -> frozenset[tuple[object, ...]]:
    """Names for the rows in it: units that share one hold the same, whatever the files are called.

    Where of one only SHA-256 is known, and of the other only git's hash, they share none.
    """
    keys = [file.keys() for file in unit]
    kinds = set[str]().union(*keys).intersection(*keys)
    return frozenset((kind, *(each[kind] for each in keys)) for kind in kinds)


class RowFiles(Protocol):
    """A place that has row files."""

    @property
    def is_far(self) -> bool:
        """Whether a file must be fetched before it can be opened."""
        ...

    def describe(self, paths: Sequence[str]) -> Iterator[RowFile]:
        """What the files hold."""
        ...

    def with_sha256(self, file: RowFile) -> RowFile:
        """The same with its SHA-256, for which it may be fetched."""
        ...

    def open_rows(self, paths: Sequence[str]) -> Rows:
        """The rows of files of one split.

        Raises:
            SourceError: They cannot be read, or are no longer those that were described.
        """
        ...


class FolderFiles:
    """Row files in a folder of this machine.

    Args:
        root: The folder.
    """

    is_far = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._described: dict[str, SourceFile] = {}

    def describe(self, paths: Sequence[str]) -> Iterator[RowFile]:
        """What the files hold; reads each once, with a bar on a terminal when it has taken a second.

        Raises:
            SourceError: One cannot be read.
            SourceChanged: One was written to meanwhile.
        """
        files = [SourceFile.at(self._root, path) for path in paths]
        total = sum(file.size for file in files)
        with tqdm(total=total, desc="hash files", unit="B", unit_scale=True, delay=1, disable=None) as bar:
            for file in files:
                sha256 = hashlib.sha256()
                git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
                for start in range(0, file.size, _BLOCK_BYTES):
                    block = file.read(start, min(start + _BLOCK_BYTES, file.size))
                    sha256.update(block)
                    git.update(block)
                    bar.update(len(block))
                self._described[file.name] = file
                yield RowFile(file.name, file.size, sha256.hexdigest(), git.hexdigest())

    def with_sha256(self, file: RowFile) -> RowFile:
        """The file, whose hash is known."""
        return file

    def open_rows(self, paths: Sequence[str]) -> Rows:
        """As ``RowFiles.open_rows``."""
        rows = open_rows(self._root, paths)
        for path in paths:
            if path in self._described:
                self._described[path].check()
        return rows


class HubFiles:
    """Row files of a repository at a commit; opening one fetches it.

    Args:
        snapshot: The repository.
    """

    is_far = True

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def describe(self, paths: Sequence[str]) -> Iterator[RowFile]:
        """What the files hold, as the Hub lists it; none is fetched."""
        listed = {file.path: file for file in self.snapshot.hub.files(self.snapshot.repo_id, self.snapshot.commit_hash)}
        for file in map(listed.__getitem__, paths):
            yield RowFile(file.path, file.size, file.sha256, None if file.sha256 else file.git_sha1)

    def with_sha256(self, file: RowFile) -> RowFile:
        """The file with its SHA-256; one that git holds is small, and is fetched for it."""
        if file.sha256 is not None:
            return file
        path = self.snapshot.hub.download(self.snapshot.repo_id, self.snapshot.commit_hash, file.path)
        return RowFile(file.path, file.size, hashlib.sha256(path.read_bytes()).hexdigest(), file.git_sha1, file.rows)

    def open_rows(self, paths: Sequence[str]) -> Rows:
        """As ``RowFiles.open_rows``."""
        return self.snapshot.open_rows(paths)
