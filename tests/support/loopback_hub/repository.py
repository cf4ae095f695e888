"""A repository: named references to immutable commits, and who may see it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from loopback_hub.errors import HubError, entry_not_found, revision_not_found
from loopback_hub.objects import Blob, Commit

RepoType: TypeAlias = Literal["model", "dataset", "space"]
Gated: TypeAlias = Literal["auto", "manual", False]
REPO_TYPES: tuple[RepoType, ...] = get_args(RepoType)

_SHORT_ID = re.compile("[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class Write:
    """Put a file there, in the place of one that may be there."""

    path: str
    blob: Blob


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a file, or with ``folder`` all files below a path, away."""

    path: str
    folder: bool = False


Change: TypeAlias = Write | Delete


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who made a commit, when, and why."""

    author: str
    date: datetime
    title: str
    message: str = ""


class Repository:
    """One repository of the Hub.

    Attributes:
        references: Full name (``refs/heads/main``, ``refs/tags/v1``, ``refs/pr/1``) to commit id.
        commits: Every commit ever made, by id.
        uploads: Large files by the SHA-256 of their content, committed or not.
        readers: Users who may read although they are in no organization that may; for gated repositories too.
    """

    def __init__(self, repo_id: str, repo_type: RepoType, first: Commit, *, private: bool, sdk: str | None) -> None:
        self.id = repo_id
        self.type: RepoType = repo_type
        self.private = private
        self.gated: Gated = False
        self.sdk = sdk
        self.created = first.date
        self.references = {"refs/heads/main": first.id}
        self.commits = {first.id: first}
        self.uploads: dict[str, Blob] = {}
        self.readers: set[str] = set()

    @property
    def path(self) -> str:
        """The repository's path on the site: ``datasets/namespace/name``, or ``namespace/name`` for a model."""
        return self.id if self.type == "model" else f"{self.type}s/{self.id}"

    def resolve(self, revision: str) -> Commit:
        """The commit that a branch, tag, pull request, or whole or short commit id means now.

        Raises:
            HubError: 404, there is no such revision.
        """
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in self.references:
                return self.commits[self.references[name]]
        if _SHORT_ID.fullmatch(revision):
            found = [commit_id for commit_id in self.commits if commit_id.startswith(revision)]
            if len(found) == 1:
                return self.commits[found[0]]
        raise revision_not_found(revision)

    def writable(self, revision: str) -> str:
        """The full name of the branch or pull request that a commit to ``revision`` moves.

        Raises:
            HubError: 404, there is no such revision; 400, it is a tag or a commit, which never move.
        """
        for name in (f"refs/heads/{revision}", revision):
            if name in self.references and not name.startswith("refs/tags/"):
                return name
        self.resolve(revision)
        raise HubError(400, f"Cannot commit to {revision}: it is not a branch or a pull request")

    def history(self, commit: Commit) -> Iterator[Commit]:
        """The commit and all before it, the newest first."""
        current: Commit | None = commit
        while current is not None:
            yield current
            current = self.commits[current.parent] if current.parent else None

    def commit(self, name: str, parent: Commit, changes: Sequence[Change], stamp: Stamp) -> Commit:
        """Make a commit on top of ``parent`` and let the reference ``name`` point to it.

        Raises:
            HubError: 400 or 404, a change that cannot be made; nothing is changed.
        """
        files = dict(parent.files)
        for change in changes:
            if isinstance(change, Write):
                files[_checked_path(change.path)] = change.blob
            else:
                _delete(files, change, parent)
        for path in files:
            if any(parent_path in files for parent_path in _parents(path)):
                raise HubError(400, f"{path} is below a path that is a file")
        commit = Commit(
            parent=parent.id,
            author=stamp.author,
            title=stamp.title,
            message=stamp.message,
            date=stamp.date,
            files=MappingProxyType(dict(sorted(files.items()))),
        )
        self.commits[commit.id] = commit
        self.references[name] = commit.id
        return commit

    def next_pull(self) -> int:
        """The number of the next pull request, from 1."""
        return 1 + sum(name.startswith("refs/pr/") for name in self.references)

    def last_changes(self, commit: Commit) -> Mapping[str, Commit]:
        """For every file and folder of the commit, the commit that changed it last."""
        last: dict[str, Commit] = {}
        wanted = {**{path: blob.oid for path, blob in commit.files.items()}, **commit.folders}
        for current in self.history(commit):
            before = self.commits[current.parent] if current.parent else None
            for path, oid in wanted.items():
                if path not in last and (before is None or _oid(before, path) != oid):
                    last[path] = current
        return last


def _oid(commit: Commit, path: str) -> str | None:
    blob = commit.files.get(path)
    return blob.oid if blob else commit.folders.get(path)


def _delete(files: dict[str, Blob], change: Delete, parent: Commit) -> None:
    path = change.path.rstrip("/")
    found = [name for name in files if name.startswith(f"{path}/")] if change.folder else [path] * (path in files)
    if not found:
        noun = "folder" if change.folder else "file"
        raise entry_not_found(f"A {noun} with this name doesn't exist: {path}", parent.id)
    for name in found:
        del files[name]


def _checked_path(path: str) -> str:
    parts = path.split("/")
    if not all(parts) or {".", "..", ".git"} & set(parts):
        raise HubError(400, f"Invalid path in repo: {path}")
    return path


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
