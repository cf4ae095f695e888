"""A Space on the Hub that is made to hold some files, in one commit."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.hf_api import RepoFile

from openenv_tasksets.loaders.errors import HubError
from openenv_tasksets.loaders.hub import Hub

_TYPE = "space"

Contents = Mapping[str, bytes | Path]
"""A path in a repository to its content, or to a file that has it."""


@dataclass(frozen=True, slots=True)
class PushedSpace:
    """What a push of a Space did.

    Attributes:
        url: Where to look at it.
        commit_hash: The commit that holds the files.
        changed: Whether there was anything to commit.
    """

    url: str
    commit_hash: str
    changed: bool


def fill_space(
    hub: Hub, repo_id: str, files: Contents, *, folders: Collection[str], private: bool | None, message: str
) -> PushedSpace:
    """Make a Docker Space hold files; it is created where there is none.

    Args:
        hub: Where it is, and as whom.
        repo_id: ``namespace/name``.
        files: What it shall hold.
        folders: Names of top-level folders that shall hold nothing else. Other files of the Space stay.
        private: Whether a new Space is private; None leaves it to the Hub. One that exists must be as said.
        message: The commit's title.

    Raises:
        HubError: It exists and is private where it should be public or the reverse; no right to write; no answer.
    """

    def attempt(api: HfApi) -> PushedSpace:
        # Every attempt looks at the Space anew: it may hold the commit of one whose answer was lost.
        url = str(api.create_repo(repo_id, repo_type=_TYPE, space_sdk="docker", private=private, exist_ok=True))
        info = api.space_info(repo_id, expand=["sha", "private"])
        if private is not None and bool(info.private) is not private:
            is_now = "private" if info.private else "public"
            raise HubError(f"{repo_id} exists and is {is_now}, but private={private} was asked for")
        head = str(info.sha)
        operations = _operations(files, folders, _listed(api, repo_id, head))
        if not operations:
            return PushedSpace(url, head, changed=False)
        made = api.create_commit(repo_id, operations, commit_message=message, repo_type=_TYPE, parent_commit=head)
        return PushedSpace(url, made.oid, changed=True)

    return hub.call(attempt, repo_id, f"the push to the Space {repo_id}")


def _listed(api: HfApi, repo_id: str, revision: str) -> dict[str, RepoFile]:
    tree = api.list_repo_tree(repo_id, recursive=True, revision=revision, repo_type=_TYPE)
    return {each.path: each for each in tree if isinstance(each, RepoFile)}


def _operations(
    files: Contents, folders: Collection[str], there: Mapping[str, RepoFile]
) -> list[CommitOperationAdd | CommitOperationDelete]:
    stale = [path for path in there if path.partition("/")[0] in folders and path not in files]
    changed = {path: content for path, content in files.items() if not _is_there(content, there.get(path))}
    return [
        *(CommitOperationAdd(path, content) for path, content in changed.items()),
        *(CommitOperationDelete(path) for path in stale),
    ]


def _is_there(content: bytes | Path, file: RepoFile | None) -> bool:
    if file is None:
        return False
    data = content.read_bytes() if isinstance(content, Path) else content
    if file.lfs is not None:
        return bool(file.lfs.sha256 == hashlib.sha256(data).hexdigest())
    blob = b"blob %d\0%b" % (len(data), data)
    return bool(file.blob_id == hashlib.sha1(blob, usedforsecurity=False).hexdigest())
