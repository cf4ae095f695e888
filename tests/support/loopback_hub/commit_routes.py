"""From files on a disk to a commit: what is to be uploaded how, and the commit itself."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from loopback_hub import card
from loopback_hub.accounts import Account, check_logged_in, check_readable, check_writable
from loopback_hub.errors import HubError
from loopback_hub.exchange import Request, Response, json_response
from loopback_hub.objects import Blob, Commit
from loopback_hub.patterns import MAX_REGULAR_BYTES, is_ignored, is_large
from loopback_hub.repository import Change, Delete, Repository, Stamp, Write
from loopback_hub.store import Store


def preupload(store: Store, request: Request, repository: Repository, revision: str) -> Response:
    """``POST /api/{type}s/{id}/preupload/{revision}``: regular or large, ignored or not, and what is there now."""
    _check_may_commit(request, repository)
    commit = repository.resolve(revision)
    wanted = request.json()
    attributes = text_at(commit, ".gitattributes")
    ignore_rules = wanted.get("gitIgnore") or text_at(commit, ".gitignore")
    files = []
    for file in wanted.get("files", []):
        path, sample, size = file["path"], base64.b64decode(file.get("sample", "")), file["size"]
        answer = {
            "path": path,
            "uploadMode": "lfs" if is_large(path, sample, size, attributes) else "regular",
            "shouldIgnore": is_ignored(path, ignore_rules),
        }
        if path in commit.files:
            answer["oid"] = commit.files[path].etag
        files.append(answer)
    return json_response({"files": files, "commitOid": commit.id})


def commit(store: Store, request: Request, repository: Repository, revision: str) -> Response:
    """``POST /api/{type}s/{id}/commit/{revision}[?create_pr]``: everything in the body, or nothing."""
    author = _check_may_commit(request, repository)
    header, changes = _parse(request.body, repository)
    create_pr = request.flag("create_pr")
    name = f"refs/pr/{repository.next_pull()}" if create_pr else repository.writable(revision)
    base = repository.resolve(revision if create_pr else name)
    parent_id = header.get("parentCommit")
    if parent_id and create_pr:
        base = repository.resolve(parent_id)
    elif parent_id and repository.resolve(parent_id) is not base:
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    stamp = Stamp(author.name, store.now(), str(header["summary"]), str(header.get("description", "")))
    made = repository.commit(name, base, changes, stamp)
    url = f"{request.endpoint}/{repository.path}"
    answer = {"success": True, "commitOid": made.id, "commitUrl": f"{url}/commit/{made.id}", "hookOutput": ""}
    if create_pr:
        answer["pullRequestUrl"] = f"{url}/discussions/{name.removeprefix('refs/pr/')}"
    return json_response(answer)


def _check_may_commit(request: Request, repository: Repository) -> Account:
    """Whoever may read may open a pull request."""
    check = check_readable if request.flag("create_pr") else check_writable
    check(request.account, repository)
    return check_logged_in(request.account)


def text_at(commit: Commit, path: str) -> str:
    """A file's text; empty where the commit does not have it."""
    blob = commit.files.get(path)
    return blob.content.decode("utf-8", "replace") if blob else ""


def _parse(body: bytes, repository: Repository) -> tuple[Mapping[str, Any], list[Change]]:
    try:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        entries = [(str(line["key"]), dict(line["value"])) for line in lines]
    except (ValueError, KeyError, TypeError) as exc:
        raise HubError(400, f"Invalid commit: {exc}") from exc
    if not entries or entries[0][0] != "header" or not entries[0][1].get("summary"):
        raise HubError(400, 'Invalid commit: the first line must be a header with a "summary"')
    return entries[0][1], list(_changes(entries[1:], repository))


def _changes(entries: list[tuple[str, dict[str, Any]]], repository: Repository) -> Iterator[Change]:
    for key, value in entries:
        path = str(value.get("path", ""))
        if key == "file":
            yield Write(path, _regular(path, value))
        elif key == "lfsFile":
            yield Write(path, _large(path, value, repository))
        elif key in ("deletedFile", "deletedFolder"):
            yield Delete(path, folder=key == "deletedFolder")
        else:
            raise HubError(400, f"Invalid commit: unknown key {key}")


def _regular(path: str, value: Mapping[str, Any]) -> Blob:
    text = str(value.get("content", ""))
    try:
        content = base64.b64decode(text, validate=True) if value.get("encoding") == "base64" else text.encode()
    except binascii.Error as exc:
        raise HubError(400, f"Invalid commit: {path} is not base64") from exc
    if len(content) > MAX_REGULAR_BYTES:
        raise HubError(
            400,
            "Your push was rejected because it contains files larger than 10 MiB. "
            f"Please use https://git-lfs.github.com/ to store large files. Offending files: {path}",
        )
    if path == "README.md" and (mistakes := card.mistakes(content.decode("utf-8", "replace"))):
        raise HubError(400, f"Invalid metadata in README.md: {'; '.join(mistakes)}")
    return Blob.regular(content)


def _large(path: str, value: Mapping[str, Any], repository: Repository) -> Blob:
    blob = repository.uploads.get(str(value.get("oid")))
    if blob is None or value.get("size", blob.size_bytes) != blob.size_bytes:
        raise HubError(
            400,
            "Your push was rejected because an LFS pointer pointed to a file that does not exist. "
            f"Offending files: {path}",
        )
    return blob
