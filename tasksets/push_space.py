"""Push an exported project to the Hub as a Space, in one commit."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.hf_api import RepoFile

from openenv_tasksets.export import Project
from openenv_tasksets.loaders.errors import HubError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.secret_scan import SecretFound, scan_text

_TYPE = "space"
_TEXTS = (".md", ".py", ".txt", ".yaml", "Dockerfile")


@dataclass(frozen=True, slots=True)
class PushedSpace:
    """What a push of a Space did.

    Attributes:
        url: Where to look at it.
        commit_hash: The commit that holds the project.
        changed: Whether there was anything to commit.
    """

    url: str
    commit_hash: str
    changed: bool


def push_space(
    project: Project,
    repo_id: str,
    *,
    private: bool | None = None,
    commit_message: str | None = None,
    hub: Hub | None = None,
) -> PushedSpace:
    """Make a Space hold a project; files of an earlier one that this one lacks go.

    Args:
        project: From ``export_project`` with ``space``.
        repo_id: ``namespace/name``; created where there is none.
        private: Whether a new Space is private; None leaves it to the Hub. One that exists must be as said.
        commit_message: None writes one.
        hub: None takes the Hub of the environment's variables.

    Raises:
        SecretFound: Something looks like a secret.
        HubError: The project holds the rows and the Space would be public; no right to write; or no answer.
    """
    hub = hub or Hub()
    if project.holds_rows and not private:
        raise HubError(
            f"{repo_id}: the project holds the rows, hidden columns too, and whoever reads the Space would know the "
            "answers: push the taskset to a dataset repository first and the Space from there, or make it private"
        )
    if findings := [finding for name, data in _texts(project) for finding in scan_text(data, name)]:
        raise SecretFound(findings)

    def attempt(api: HfApi) -> PushedSpace:
        # Every attempt looks at the Space anew: it may hold the commit of one whose answer was lost.
        url = str(api.create_repo(repo_id, repo_type=_TYPE, space_sdk="docker", private=private, exist_ok=True))
        info = api.space_info(repo_id, expand=["sha", "private"])
        if private is not None and bool(info.private) is not private:
            is_now = "private" if info.private else "public"
            raise HubError(f"{repo_id} exists and is {is_now}, but private={private} was asked for")
        head = str(info.sha)
        operations = _operations(project, _listed(api, repo_id, head))
        if not operations:
            return PushedSpace(url, head, changed=False)
        made = api.create_commit(
            repo_id,
            operations,
            commit_message=commit_message or "Serve a taskset with openenv-tasksets",
            repo_type=_TYPE,
            parent_commit=head,
        )
        return PushedSpace(url, made.oid, changed=True)

    return hub.call(attempt, repo_id, f"the push to the Space {repo_id}")


def _texts(project: Project) -> Iterable[tuple[str, bytes]]:
    for name, content in project.files.items():
        if name.endswith(_TEXTS):
            yield name, content.read_bytes() if isinstance(content, Path) else content


def _listed(api: HfApi, repo_id: str, revision: str) -> dict[str, RepoFile]:
    tree = api.list_repo_tree(repo_id, recursive=True, revision=revision, repo_type=_TYPE)
    return {each.path: each for each in tree if isinstance(each, RepoFile)}


def _operations(project: Project, there: dict[str, RepoFile]) -> list[CommitOperationAdd | CommitOperationDelete]:
    """What makes the Space hold the project: folders of ours wholly, and beside them our files."""
    folders = {name.partition("/")[0] for name in project.files if "/" in name} | {"wheels", "taskset"}
    stale = [path for path in there if path.partition("/")[0] in folders and path not in project.files]
    changed = {name: content for name, content in project.files.items() if not _is_there(content, there.get(name))}
    return [
        *(CommitOperationAdd(name, content) for name, content in changed.items()),
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
