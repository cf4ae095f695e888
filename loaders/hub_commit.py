"""A branch of a dataset repository that is written to: what it is now, one commit onto it, and a tag.

A commit is made whole or not at all, and only onto the commit that it was planned for. The Hub's library does not
ask again when the answer to a commit is lost, since the commit may have been made: here the branch is looked at
first, and only where it has not moved is the commit sent again.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from openenv_tasksets.loaders.errors import HubError, HubUnavailable, RepositoryNotFound, RevisionNotFound, SourceError
from openenv_tasksets.loaders.hub import DEFAULT_REVISION, Hub
from openenv_tasksets.loaders.hub_failure import FAILURES
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.reference import is_commit_hash

_TYPE = "dataset"
_IGNORE_FILE = ".gitignore"
_NOTHING_IGNORED = "# nothing\n"

Answer = TypeVar("Answer")


class HeadMoved(HubError):
    """Someone else has committed since; take their changes into account, and push again."""


class WriteRefused(HubError):
    """This user may read the repository, but not write to it; the message says what to check."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to one path.

    Attributes:
        path: In the repository.
        content: A file with the new content, or the content; None deletes the file.
    """

    path: str
    content: Path | bytes | None

    @property
    def size(self) -> int:
        """Bytes of the new content."""
        match self.content:
            case Path():
                return self.content.stat().st_size
            case bytes():
                return len(self.content)
        return 0

    def is_done(self, file: HubFile | None) -> bool:
        """Whether a repository that has ``file`` at the path needs no change.

        Raises:
            OSError: The new content cannot be read.
        """
        if self.content is None or file is None:
            return self.content is None and file is None
        return file.size == self.size and _is_content(file, self.content)


@dataclass(frozen=True, slots=True)
class Head:
    """What a push starts from.

    Attributes:
        commit_hash: The commit to build on; None where there is no repository yet.
        is_branch: Whether the branch exists; where not, it will start at the commit.
    """

    commit_hash: str | None
    is_branch: bool


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that was made.

    Attributes:
        commit_hash: 40 hexadecimal digits.
        pull_request: Reference of the pull request that it opened, as in ``refs/pr/3``; None for one on a branch.
    """

    commit_hash: str
    pull_request: str | None = None


class HubBranch:
    """One branch (or pull request) of a dataset repository, which may not exist yet.

    Args:
        hub: Where it is, and as whom.
        repo_id: ``namespace/name``.
        revision: The branch; None means ``main``.

    Raises:
        HubError: The revision is a commit, or the hub is offline.
    """

    def __init__(self, hub: Hub, repo_id: str, revision: str | None = None) -> None:
        if revision is not None and is_commit_hash(revision):
            raise HubError(f"{revision} is a commit, which never changes; push to a branch")
        if hub.offline:
            raise HubUnavailable(f"{repo_id}: offline; a push needs the Hub")
        self._hub = hub
        self.repo_id = repo_id
        self.revision = revision or DEFAULT_REVISION

    def head(self) -> Head:
        """The branch as it is now.

        Raises:
            RevisionNotFound: There is no such pull request.
            HubUnavailable: The Hub does not answer.
        """
        try:
            return Head(self._hub.resolve(self.repo_id, self.revision), is_branch=True)
        except RepositoryNotFound:
            return Head(None, is_branch=self.revision == DEFAULT_REVISION)
        except RevisionNotFound:
            if self.revision.startswith("refs/"):
                raise
        return Head(self._hub.resolve(self.repo_id), is_branch=False)

    def create(self, head: Head, private: bool | None) -> str:
        """Create what is missing; the commit to build on is returned.

        Args:
            head: The branch as it was found.
            private: Whether a new repository is private, None leaves it to the Hub; of one that exists it is only
                checked.

        Raises:
            WriteRefused: It is not this user's to create.
            HubError: It exists, and is private where it should be public or the reverse.
        """
        if head.commit_hash is None:
            self._write(lambda api: api.create_repo(self.repo_id, repo_type=_TYPE, private=private, exist_ok=True))
        if private is not None:
            self._check_visibility(private)
        commit_hash = head.commit_hash or self._hub.resolve(self.repo_id)
        if not head.is_branch:
            self._write(
                lambda api: api.create_branch(
                    self.repo_id, branch=self.revision, revision=commit_hash, repo_type=_TYPE, exist_ok=True
                )
            )
        return commit_hash

    def commit(self, parent: str, changes: Sequence[Change], message: str, *, create_pr: bool = False) -> Commit:
        """Make one commit of all changes, once.

        Args:
            parent: The commit that the branch must be at.
            changes: At least one, and none that is done already.
            message: The commit's title; further lines are its description.
            create_pr: Open a pull request for the branch instead.

        Raises:
            HeadMoved: The branch is at another commit.
            WriteRefused: No right to write.
            SourceError: The Hub refuses what is in the commit: the card's metadata, say.
            HubUnavailable: The Hub does not answer; what it has is what it had, or this commit.
        """
        known = self._pull_requests() if create_pr else None
        tried = False

        def attempt(api: HfApi) -> Commit:
            nonlocal tried
            made = self._made(parent, changes, known) if tried else None
            tried = True
            return made or self._send(api, parent, changes, message, create_pr)

        try:
            return self._write(attempt)
        except (HeadMoved, HubUnavailable):
            # Refused, but for a commit of ours whose answer was lost; or the last answer was.
            if made := self._made(parent, changes, known):
                return made
            raise

    def tags(self) -> Mapping[str, str]:
        """Every tag of the repository, and its commit.

        Raises:
            HubError: The Hub does not give them.
        """
        refs = self._write(lambda api: api.list_repo_refs(self.repo_id, repo_type=_TYPE))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def tag(self, name: str, commit_hash: str) -> None:
        """Tag a commit.

        Raises:
            HubError: The Hub does not do it.
        """
        self._write(
            lambda api: api.create_tag(self.repo_id, tag=name, revision=commit_hash, repo_type=_TYPE, exist_ok=True)
        )

    def _send(self, api: HfApi, parent: str, changes: Sequence[Change], message: str, create_pr: bool) -> Commit:
        additions = [
            CommitOperationAdd(change.path, change.content) for change in changes if change.content is not None
        ]
        deletions = [CommitOperationDelete(change.path) for change in changes if change.content is None]
        if any(file.path == _IGNORE_FILE for file in self._hub.files(self.repo_id, parent)):
            # The library applies the repository's own rules, and leaves files out of the commit without a word.
            api.preupload_lfs_files(
                self.repo_id,
                additions,
                repo_type=_TYPE,
                revision=self.revision,
                create_pr=create_pr,
                free_memory=False,
                gitignore_content=_NOTHING_IGNORED,
            )
        title, _, description = message.partition("\n")
        info = api.create_commit(
            self.repo_id,
            [*additions, *deletions],
            commit_message=title,
            commit_description=description.strip(),
            repo_type=_TYPE,
            revision=self.revision,
            create_pr=create_pr,
            parent_commit=parent,
        )
        return Commit(info.oid, info.pr_revision)

    def _made(self, parent: str, changes: Sequence[Change], known: Mapping[str, str] | None) -> Commit | None:
        """The commit, where it was made although no answer came.

        Raises:
            HeadMoved: The branch has moved, and not by this commit.
        """
        if known is not None:
            for name, commit_hash in self._pull_requests().items():
                if name not in known and self._has_all(commit_hash, changes):
                    return Commit(commit_hash, name)
            return None
        head = self._hub.resolve(self.repo_id, self.revision)
        if head == parent:
            return None
        if self._has_all(head, changes):
            return Commit(head)
        raise HeadMoved(
            f"{self.repo_id}: {self.revision} was {parent[:7]} when this push was planned, and is {head[:7]} now; "
            "nothing was pushed. See what was committed, and push again"
        )

    def _has_all(self, commit_hash: str, changes: Sequence[Change]) -> bool:
        there = {file.path: file for file in self._hub.files(self.repo_id, commit_hash)}
        return all(change.is_done(there.get(change.path)) for change in changes)

    def _pull_requests(self) -> dict[str, str]:
        refs = self._write(lambda api: api.list_repo_refs(self.repo_id, repo_type=_TYPE, include_pull_requests=True))
        return {each.ref: each.target_commit for each in refs.pull_requests or ()}

    def _check_visibility(self, private: bool) -> None:
        info = self._write(lambda api: api.dataset_info(self.repo_id, expand=["private"]))
        if bool(info.private) is not private:
            is_now = "private" if info.private else "public"
            raise HubError(
                f"{self.repo_id} exists and is {is_now}, but private={private} was asked for; "
                "change it in the repository's settings, or leave private out"
            )

    def _write(self, call: Callable[[HfApi], Answer]) -> Answer:
        """Call the Hub's library, and again after an error that may pass."""

        def telling(api: HfApi) -> Answer:
            try:
                return call(api)
            except RuntimeError as exc:
                # The library's own, around what happened while it uploaded.
                if isinstance(exc.__cause__, FAILURES):
                    self._tell(exc.__cause__)
                    raise exc.__cause__ from None
                raise
            except HfHubHTTPError as exc:
                self._tell(exc)
                raise
            except json.JSONDecodeError as exc:
                raise msgspec.DecodeError(str(exc)) from exc
            except ValueError as exc:
                raise SourceError(f"{self.repo_id}: {exc}") from exc

        with _quiet():
            return self._hub.call(telling, self.repo_id, f"the push to {self.repo_id}")

    def _tell(self, exc: BaseException) -> None:
        """Raise what only a write can be refused for."""
        if not isinstance(exc, HfHubHTTPError):
            return
        status = int(exc.response.status_code)
        if status == 412:
            raise HeadMoved(f"{self.repo_id}: {self.revision} has moved since this push was planned") from exc
        if status in (401, 403) and "X-Error-Code" not in exc.response.headers:
            raise WriteRefused(
                f"{self.repo_id}: no right to write: {exc.server_message or status}; "
                "check the name, and that the token may write there (`hf auth whoami`)"
            ) from exc
        if status == 400:
            raise SourceError(f"{self.repo_id}: the Hub refuses the commit: {exc.server_message or exc}") from exc


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars where nobody watches a terminal: the library shows them there too."""
    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _is_content(file: HubFile, content: Path | bytes) -> bool:
    if isinstance(content, Path):
        return file.is_at(content)
    if file.sha256 is not None:
        return hashlib.sha256(content).hexdigest() == file.sha256
    blob = b"blob %d\0%b" % (len(content), content)
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest() == file.git_sha1
