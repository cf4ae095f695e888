"""A branch of a dataset repository that is written to: what it is now, one commit onto it, and a tag.

A commit is made whole or not at all, and only onto the commit that it was planned for. The Hub's library does not
ask again when the answer to a commit is lost, since the commit may have been made: here the branch is looked at
first, and only where it has not moved is the commit sent again.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

from openenv_tasksets.loaders.errors import HubError, HubUnavailable, RepositoryNotFound, RevisionNotFound, SourceError
from openenv_tasksets.loaders.hub import DEFAULT_REVISION, Hub
from openenv_tasksets.loaders.hub_failure import FAILURES
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.reference import is_commit_hash

_TYPE = "dataset"
_TRIES = 4
# The Hub's library would apply the repository's .gitignore, and leave files out of the commit without a word.
_NOTHING_IGNORED = "# nothing\n"
# Also an answer that should be JSON and is not, which the library does not catch.
_FAILURES = (*FAILURES, json.JSONDecodeError)

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
        return file.size == self.size and file.holds(self.content)


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
            changes: At least one; none that is done already.
            message: The commit's title; further lines are its description.
            create_pr: Open a pull request for the branch instead.

        Raises:
            HeadMoved: The branch is at another commit.
            WriteRefused: No right to write.
            SourceError: The Hub refuses what is in the commit, the card's metadata, say.
            HubUnavailable: The Hub does not answer: the branch is as it was.
        """
        known = self._pull_requests() if create_pr else {}
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self._send(parent, changes, message, create_pr)
            except ValueError as exc:
                if isinstance(exc, _FAILURES):
                    failure: Exception = exc
                else:
                    raise SourceError(f"{self.repo_id}: {exc}") from exc
            except _FAILURES as exc:
                failure = exc
            made = self._made(parent, changes, known if create_pr else None)
            if made is not None:
                return made
            wait_s = None if last else self._hub.wait_before_retry(failure)
            if wait_s is None:
                raise self._explained(failure) from failure
            self._hub.wait(wait_s)
        raise AssertionError("unreachable")
