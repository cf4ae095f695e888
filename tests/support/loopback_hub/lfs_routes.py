"""Large files on their way in: the batch call, the upload to the other origin, and its check."""

import re
from typing import Any

from loopback_hub.accounts import check_logged_in, check_readable
from loopback_hub.errors import HubError
from loopback_hub.exchange import Request, Response, json_response
from loopback_hub.objects import Blob
from loopback_hub.repository import Repository
from loopback_hub.store import Store

_SHA256 = re.compile("[0-9a-f]{64}")


def batch(store: Store, request: Request, repository: Repository) -> Response:
    """``POST /{id}.git/info/lfs/objects/batch``: where to send what is not there yet.

    Any logged-in reader may upload: what they upload is in no commit, and a pull request needs it.
    """
    check_readable(request.account, repository)
    check_logged_in(request.account)
    wanted = request.json()
    if wanted.get("operation") != "upload" or "basic" not in wanted.get("transfers", ["basic"]):
        raise HubError(400, "Only basic uploads are served")
    objects = [_object(store, request, repository, item) for item in wanted.get("objects", [])]
    answer = {"transfer": "basic", "objects": objects}
    return json_response(answer, 200, {"Content-Type": "application/vnd.git-lfs+json"})


def _object(store: Store, request: Request, repository: Repository, item: dict[str, Any]) -> dict[str, Any]:
    sha256, size = str(item.get("oid")), item.get("size")
    if not _SHA256.fullmatch(sha256) or not isinstance(size, int):
        return {"oid": sha256, "size": 0, "error": {"code": 422, "message": "Invalid object"}}
    answer: dict[str, Any] = {"oid": sha256, "size": size}
    if sha256 not in repository.uploads:
        path = f"/_lfs/upload/{repository.type}/{repository.id}/{sha256}"
        answer["authenticated"] = True
        answer["actions"] = {
            "upload": {"href": f"http://{cdn_host(store, request)}{path}?Signature={store.sign(f'PUT {path}')}"},
            "verify": {"href": f"{request.endpoint}/_lfs/verify/{repository.type}/{repository.id}/{sha256}"},
        }
    return answer


def cdn_host(store: Store, request: Request) -> str:
    """The other origin: clients keep a redirect's headers only if its host is another one than the Hub's."""
    return f"{'127.0.0.1' if request.host.startswith('localhost') else 'localhost'}:{store.cdn_port}"


def check_signature(store: Store, request: Request) -> None:
    """Refuse what the Hub did not sign; no token opens the other origin.

    Raises:
        HubError: 403.
    """
    method = "GET" if request.method == "HEAD" else request.method
    if request.query.get("Signature") != [store.sign(f"{method} {request.path}")]:
        raise HubError(403, "The request signature does not match")


def upload(store: Store, request: Request, repository: Repository, sha256: str) -> Response:
    """``PUT`` of one large file."""
    check_signature(store, request)
    blob = Blob.large(request.body)
    if blob.sha256 != sha256:
        raise HubError(400, "The content does not have the announced hash")
    repository.uploads[sha256] = blob
    return Response(200, {"ETag": f'"{sha256}"'})


def verify(store: Store, request: Request, repository: Repository, sha256: str) -> Response:
    """``POST``: did the upload arrive whole?"""
    blob = repository.uploads.get(sha256)
    if blob is None or request.json().get("size") != blob.size_bytes:
        raise HubError(404, f"Object {sha256} was not uploaded")
    return Response()
