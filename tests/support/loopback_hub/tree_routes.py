"""What is in a repository: trees, paths, commits and references."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from loopback_hub.accounts import check_writable
from loopback_hub.errors import HubError, entry_not_found
from loopback_hub.exchange import Request, Response, json_response
from loopback_hub.objects import Commit
from loopback_hub.repository import Repository
from loopback_hub.repository_routes import timestamp
from loopback_hub.store import Store

PAGE = 1000
"""Entries of a tree in one answer."""
EXPANDED_PAGE = 50
"""Entries of a tree in one answer where each comes with its last commit; also commits in one answer."""
MAX_PATHS = 1000


def tree(store: Store, request: Request, repository: Repository, revision: str, path: str | None) -> Response:
    """``GET /api/{type}s/{id}/tree/{revision}[/{path}]?recursive&expand``."""
    commit = repository.resolve(revision)
    folder = (path or "").strip("/")
    if folder not in commit.folders:
        raise entry_not_found(f"{folder} does not exist on {revision}", commit.id)
    prefix = f"{folder}/" if folder else ""
    paths = [
        entry
        for entry in sorted([*commit.folders, *commit.files])
        if entry and entry.startswith(prefix) and (request.flag("recursive") or "/" not in entry[len(prefix) :])
    ]
    expand = request.flag("expand")
    page, headers = _page(request, paths, EXPANDED_PAGE if expand else PAGE)
    return json_response(_entries(repository, commit, page, expand=expand), 200, headers)


def paths_info(store: Store, request: Request, repository: Repository, revision: str) -> Response:
    """``POST /api/{type}s/{id}/paths-info/{revision}``: paths that do not exist are left out."""
    commit = repository.resolve(revision)
    paths = request.form.get("paths", [])
    expand = request.form.get("expand", ["false"])[-1].lower() == "true"
    if len(paths) > MAX_PATHS:
        raise HubError(413, "too many parameters")
    found = [path for path in (path.strip("/") for path in paths) if path in commit.files or path in commit.folders]
    return json_response(_entries(repository, commit, found, expand=expand))


def commits(store: Store, request: Request, repository: Repository, revision: str) -> Response:
    """``GET /api/{type}s/{id}/commits/{revision}``: the newest first."""
    history = list(repository.history(repository.resolve(revision)))
    page, headers = _page(request, history, EXPANDED_PAGE)
    listed = [
        {
            "id": commit.id,
            "title": commit.title,
            "message": commit.message,
            "authors": [{"user": commit.author}],
            "date": timestamp(commit.date),
            "parents": [commit.parent] if commit.parent else [],
        }
        for commit in page
    ]
    return json_response(listed, 200, headers)


def references(store: Store, request: Request, repository: Repository) -> Response:
    """``GET /api/{type}s/{id}/refs[?include_prs]``."""
    found: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": []}
    kinds = {"refs/heads/": "branches", "refs/tags/": "tags"}
    if request.flag("include_prs"):
        found["pullRequests"] = []
        kinds["refs/pr/"] = "pullRequests"
    for name, commit_id in sorted(repository.references.items()):
        for prefix, kind in kinds.items():
            if name.startswith(prefix):
                found[kind].append({"name": name.removeprefix(prefix), "ref": name, "targetCommit": commit_id})
    return json_response(found)


def create_branch(store: Store, request: Request, repository: Repository, name: str) -> Response:
    """``POST /api/{type}s/{id}/branch/{name}``."""
    check_writable(request.account, repository)
    start = request.json().get("startingPoint") or "main"
    _create(repository, "refs/heads/", name, start)
    return json_response({}, 201)


def delete_branch(store: Store, request: Request, repository: Repository, name: str) -> Response:
    """``DELETE /api/{type}s/{id}/branch/{name}``."""
    check_writable(request.account, repository)
    if name == "main":
        raise HubError(403, "Cannot delete the default branch")
    _drop(repository, f"refs/heads/{name}")
    return Response()


def create_tag(store: Store, request: Request, repository: Repository, name: str) -> Response:
    """``POST /api/{type}s/{id}/tag/{revision}``; ``name`` is the revision, the tag's own is in the body."""
    check_writable(request.account, repository)
    _create(repository, "refs/tags/", str(request.json().get("tag", "")), name)
    return json_response({}, 201)


def delete_tag(store: Store, request: Request, repository: Repository, name: str) -> Response:
    """``DELETE /api/{type}s/{id}/tag/{name}``."""
    check_writable(request.account, repository)
    _drop(repository, f"refs/tags/{name}")
    return Response()


def _create(repository: Repository, kind: str, name: str, revision: str) -> None:
    if not name or name.startswith(("refs/", "/")) or name.endswith("/") or ".." in name or " " in name:
        raise HubError(400, f"Invalid reference name: {name}")
    if f"{kind}{name}" in repository.references:
        raise HubError(409, f"Reference already exists: {kind}{name}")
    repository.references[f"{kind}{name}"] = repository.resolve(revision).id


def _drop(repository: Repository, reference: str) -> None:
    if reference not in repository.references:
        raise HubError(404, f"Reference does not exist: {reference}", "RevisionNotFound")
    del repository.references[reference]


def _entries(repository: Repository, commit: Commit, paths: Sequence[str], *, expand: bool) -> list[dict[str, Any]]:
    last: Mapping[str, Commit] = repository.last_changes(commit) if expand else {}
    entries: list[dict[str, Any]] = []
    for path in paths:
        blob = commit.files.get(path)
        if blob is None:
            entry: dict[str, Any] = {"type": "directory", "oid": commit.folders[path], "size": 0, "path": path}
        else:
            entry = {"type": "file", "oid": blob.oid, "size": blob.size_bytes, "path": path}
            if blob.sha256 is not None:
                entry["lfs"] = {"oid": blob.sha256, "size": blob.size_bytes, "pointerSize": len(blob.committed)}
        if path in last:
            changed = last[path]
            entry["lastCommit"] = {"id": changed.id, "title": changed.title, "date": timestamp(changed.date)}
        entries.append(entry)
    return entries


def _page(request: Request, items: Sequence[Any], size: int) -> tuple[Sequence[Any], dict[str, str]]:
    start = int(request.query.get("cursor", ["0"])[-1])
    end = start + size
    if end >= len(items):
        return items[start:], {}
    query = urlencode({**request.query, "cursor": [str(end)]}, doseq=True)
    return items[start:end], {"Link": f'<{request.endpoint}{request.path}?{query}>; rel="next"'}
