"""What a repository is made of: blobs, commits, and their ids, computed as git computes them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property


def _git_id(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str, size_bytes: int) -> bytes:
    """The text that git stores in the place of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size_bytes}\n".encode()


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of one file.

    Attributes:
        content: The file's bytes, also where git holds only a pointer to them.
        oid: Git's id of the content, or of the pointer.
        sha256: Hash of the content of a large file, None for a regular one.
    """

    content: bytes
    oid: str
    sha256: str | None = None

    @classmethod
    def regular(cls, content: bytes) -> "Blob":
        """A file that git holds itself."""
        return cls(content, _git_id("blob", content))

    @classmethod
    def large(cls, content: bytes) -> "Blob":
        """A file that git holds a pointer to."""
        sha256 = hashlib.sha256(content).hexdigest()
        return cls(content, _git_id("blob", lfs_pointer(sha256, len(content))), sha256)

    @property
    def size_bytes(self) -> int:
        """Length of the content."""
        return len(self.content)

    @property
    def etag(self) -> str:
        """By what the clients' caches know the content."""
        return self.sha256 or self.oid

    @property
    def committed(self) -> bytes:
        """What git holds: the content, or the pointer to it."""
        return self.content if self.sha256 is None else lfs_pointer(self.sha256, self.size_bytes)


@dataclass(frozen=True)
class Commit:
    """An immutable snapshot of a repository.

    Attributes:
        parent: Id of the commit before it, None for the first one.
        files: Path to blob, sorted by path.
    """

    parent: str | None
    author: str
    title: str
    message: str
    date: datetime
    files: Mapping[str, Blob]

    @cached_property
    def folders(self) -> Mapping[str, str]:
        """Path to tree id of every folder; the root's path is empty."""
        return _tree_ids(self.files)

    @cached_property
    def id(self) -> str:
        """Git's commit id: 40 hexadecimal digits."""
        seconds = int(self.date.timestamp())
        lines = [f"tree {self.folders['']}"]
        if self.parent is not None:
            lines.append(f"parent {self.parent}")
        for role in ("author", "committer"):
            lines.append(f"{role} {self.author} <{self.author}@users.noreply> {seconds} +0000")
        return _git_id("commit", "\n".join([*lines, "", self.title, "", self.message]).encode())


def _tree_ids(files: Mapping[str, Blob]) -> dict[str, str]:
    entries: dict[str, list[tuple[str, str, str]]] = {"": []}
    for path, blob in files.items():
        folder, _, name = path.rpartition("/")
        entries.setdefault(folder, []).append((name, f"100644 {name}", blob.oid))
        while folder:
            folder = folder.rpartition("/")[0]
            entries.setdefault(folder, [])
    ids: dict[str, str] = {}
    # A folder's path is longer than its parent's, so that its id is known when the parent's is computed.
    for path in sorted(entries, key=len, reverse=True):
        lines = (f"{entry}\0".encode() + bytes.fromhex(oid) for _, entry, oid in sorted(entries[path]))
        ids[path] = _git_id("tree", b"".join(lines))
        if path:
            parent, _, name = path.rpartition("/")
            entries[parent].append((f"{name}/", f"40000 {name}", ids[path]))
    return ids
