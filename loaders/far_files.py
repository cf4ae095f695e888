"""Files of a repository at a commit, read where they are until they have arrived."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.files import SourceFile
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.spelling import nearest


class FarFile:
    """A file of the Hub: parts of it by requests, and from the Hub's cache once it is there. Thread-safe.

    Args:
        hub: Where it is.
        repo_id: ``namespace/name``.
        commit_hash: The commit.
        listed: What the Hub lists of it.
    """

    def __init__(self, hub: Hub, repo_id: str, commit_hash: str, listed: HubFile) -> None:
        self._hub = hub
        self._repo_id = repo_id
        self._commit_hash = commit_hash
        self._listed = listed
        self._far = hub.ranges(repo_id, commit_hash, listed)
        self._bringing = threading.Lock()
        self._here = self._in_cache()

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self._listed.path

    @property
    def size(self) -> int:
        """Bytes."""
        return self._listed.size

    @property
    def identity(self) -> str:
        """Its hash: no other content has it."""
        return f"{self._listed.digest} {self._listed.size}"

    def at_hand(self) -> Path | None:
        """Where it is in the Hub's cache; None while it is not there."""
        here = self._here
        if here is None:
            return None
        try:
            here.check()
        except SourceChanged:
            # Somebody has cleaned the cache.
            self._here = None
            return None
        return here.path

    def bring(self) -> None:
        """Have it in the Hub's cache, with the hash that the Hub lists.

        Raises:
            HubError: The Hub does not give it.
            SourceError: The cache cannot hold it.
        """
        with self._bringing:
            if self.at_hand() is None:
                self._hub.fetch(self._repo_id, self._commit_hash, self._listed)
                self._here = self._in_cache()

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to ``end``.

        Raises:
            HubError: The Hub does not give them.
            SourceChanged: The Hub gives those of another file.
        """
        here = self._here
        if here is not None:
            try:
                return here.read(start, end)
            except SourceError:
                self._here = None
        if start >= end:
            return b""
        what = f"{self._commit_hash[:7]}: {self.name}"
        return self._hub.read(self._repo_id, what, self._listed, self._far, start, end)

    def check(self) -> None:
        """What the Hub gives is checked as it comes."""

    def sha256(self) -> bytes:
        """Its SHA-256; a small file, of which the Hub lists another hash, is fetched for it.

        Raises:
            HubError: The Hub does not give it.
        """
        if self._listed.sha256 is not None:
            return bytes.fromhex(self._listed.sha256)
        return hashlib.sha256(self.read(0, self.size)).digest()

    def _in_cache(self) -> SourceFile | None:
        path = self._hub.cached(self._repo_id, self._commit_hash, self._listed)
        return None if path is None else SourceFile.at(path.parent, path.name)


class FarFiles:
    """The files of one split, in the order of their rows.

    Args:
        hub: Where they are.
        repo_id: ``namespace/name``.
        commit_hash: The commit.
        names: Paths in the repository.

    Raises:
        SourceError: The commit has no such file.
        HubError: The Hub does not give the list of files.
    """

    def __init__(self, hub: Hub, repo_id: str, commit_hash: str, names: Sequence[str]) -> None:
        listed = {file.path: file for file in hub.files(repo_id, commit_hash)}
        for name in names:
            if name not in listed:
                raise SourceError(f"{repo_id}@{commit_hash[:7]} has no file {name!r}{nearest(name, listed)}")
        self._files = tuple(FarFile(hub, repo_id, commit_hash, listed[name]) for name in names)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> FarFile:
        return self._files[index]

    def __iter__(self) -> Iterator[FarFile]:
        return iter(self._files)

    @cached_property
    def fingerprint(self) -> str:
        """As ``SourceFiles`` has it for the same files, from the hashes that the Hub lists."""
        digest = hashlib.blake2b(digest_size=16)
        for file in self._files:
            digest.update(file.sha256())
        return digest.hexdigest()
