"""The bytes of files: small ones from here, large ones from the other origin."""

import re
from urllib.parse import quote

from loopback_hub.accounts import check_readable
from loopback_hub.errors import HubError, entry_not_found
from loopback_hub.exchange import Request, Response
from loopback_hub.lfs_routes import cdn_host, check_signature
from loopback_hub.objects import Blob, Commit
from loopback_hub.repository import Repository
from loopback_hub.store import Store


def resolve(store: Store, request: Request, repository: Repository, revision: str, path: str) -> Response:
    """``GET /{type}s/{id}/resolve/{revision}/{path}``: redirects to where the bytes are, with all there is to know."""
    commit, blob = _find(request, repository, revision, path)
    headers = {
        "X-Repo-Commit": commit.id,
        "X-Linked-Size": str(blob.size_bytes),
        "X-Linked-ETag": f'"{blob.etag}"',
        "ETag": f'"{blob.etag}"',
        "Accept-Ranges": "bytes",
    }
    if blob.sha256 is None:
        location = f"/api/resolve-cache/{repository.type}s/{repository.id}/{commit.id}/{quote(path, safe='')}"
        return Response(307, {**headers, "Location": location})
    target = f"/_cdn/{repository.type}/{repository.id}/{blob.sha256}"
    signed = f"{target}?Expires=4102444800&Signature={store.sign(f'GET {target}')}"
    return Response(302, {**headers, "Location": f"http://{cdn_host(store, request)}{signed}"})


def cached(store: Store, request: Request, repository: Repository, revision: str, path: str) -> Response:
    """``GET /api/resolve-cache/{type}s/{id}/{commit}/{path}``: the bytes of a small file."""
    commit, blob = _find(request, repository, revision, path)
    return content(request, blob.content, {"ETag": f'"{blob.etag}"', "X-Repo-Commit": commit.id})


def raw(store: Store, request: Request, repository: Repository, revision: str, path: str) -> Response:
    """``GET /{type}s/{id}/raw/{revision}/{path}``: what git holds, the pointer of a large file."""
    commit, blob = _find(request, repository, revision, path)
    return content(request, blob.committed, {"ETag": f'"{blob.oid}"', "X-Repo-Commit": commit.id})


def large(store: Store, request: Request, repository: Repository, sha256: str) -> Response:
    """``GET /_cdn/…``: the bytes of a large file."""
    check_signature(store, request)
    if sha256 not in repository.uploads:
        raise HubError(404, "There is no such object")
    return content(request, repository.uploads[sha256].content, {"ETag": f'"{sha256}"'})


def _find(request: Request, repository: Repository, revision: str, path: str) -> tuple[Commit, Blob]:
    check_readable(request.account, repository)
    commit = repository.resolve(revision)
    if path not in commit.files:
        raise entry_not_found("Entry not found", commit.id)
    return commit, commit.files[path]


def content(request: Request, body: bytes, headers: dict[str, str]) -> Response:
    """The bytes that the request asks for: all, or one range of them."""
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **headers}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if wanted is None or wanted[0] == "bytes=-":
        return Response(200, headers, body)
    first, last = wanted[1], wanted[2]
    start = int(first) if first else max(0, len(body) - int(last))
    end = min(int(last) + 1, len(body)) if first and last else len(body)
    if start >= end:
        return Response(416, {**headers, "Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return Response(206, headers, memoryview(body)[start:end])
