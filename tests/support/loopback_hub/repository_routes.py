"""Accounts, and repositories as a whole."""

import json
from collections.abc import Iterator
from typing import Any, get_args

from loopback_hub import card
from loopback_hub.accounts import check_logged_in, check_readable, check_writable, namespace_of
from loopback_hub.errors import HubError
from loopback_hub.exchange import Request, Response, json_response
from loopback_hub.objects import Blob, Commit
from loopback_hub.repository import REPO_TYPES, Gated, Repository, RepoType
from loopback_hub.store import Store


def whoami(store: Store, request: Request) -> Response:
    """``GET /api/whoami-v2``."""
    account = check_logged_in(request.account)
    organizations = [
        {"type": "org", "id": name, "name": name, "fullname": name, "roleInOrg": role}
        for name, role in account.organizations.items()
    ]
    token = {"type": "access_token", "accessToken": {"displayName": "tests", "role": account.role}}
    user = {"type": "user", "id": account.name, "name": account.name, "fullname": account.name, "isPro": False}
    return json_response({**user, "emailVerified": True, "orgs": organizations, "auth": token})


def validate_yaml(store: Store, request: Request) -> Response:
    """``POST /api/validate-yaml``: is this README.md a card that a commit may contain?"""
    text = str(request.json().get("content", ""))
    mistakes = card.mistakes(text)
    remarks = [] if mistakes else card.warnings(text)
    answer = {
        "errors": [{"message": mistake} for mistake in mistakes],
        "warnings": [{"message": remark} for remark in remarks],
    }
    return json_response(answer, 400 if mistakes else 200)


def create(store: Store, request: Request) -> Response:
    """``POST /api/repos/create``."""
    account = check_logged_in(request.account)
    wanted = request.json()
    repo_type, repo_id = _named(request, wanted)
    if not account.may_write_in(namespace_of(repo_id)):
        raise HubError(
            403,
            f'You don\'t have the rights to create a {repo_type} under the namespace "{namespace_of(repo_id)}"',
        )
    try:
        repository = store.create(
            repo_type, repo_id, author=account.name, private=bool(_private(wanted)), sdk=wanted.get("sdk")
        )
    except HubError as exc:
        if exc.status != 409:
            raise
        url = f"{request.endpoint}/{store.repositories[repo_type, repo_id].path}"
        return json_response({"error": exc.message, "url": url}, 409, {"X-Error-Message": exc.message})
    return json_response({"url": f"{request.endpoint}/{repository.path}", "name": repo_id, "id": repo_id})


def delete(store: Store, request: Request) -> Response:
    """``DELETE /api/repos/delete``."""
    repository = store.find(*_named(request, request.json()), request.account)
    check_writable(request.account, repository)
    store.delete(repository)
    return Response()


def move(store: Store, request: Request) -> Response:
    """``POST /api/repos/move``."""
    wanted = request.json()
    repository = store.find(_type_of(wanted), wanted["fromRepo"], request.account)
    check_writable(request.account, repository)
    if not check_logged_in(request.account).may_write_in(namespace_of(wanted["toRepo"])):
        raise HubError(403, f"You don't have the rights to move a repo to {wanted['toRepo']}")
    store.move(repository, wanted["toRepo"])
    return Response()


def settings(store: Store, request: Request, repository: Repository) -> Response:
    """``PUT /api/{type}s/{id}/settings``: who may see the repository."""
    check_writable(request.account, repository)
    wanted = request.json()
    private, gated = _private(wanted), wanted.get("gated")
    if gated is not None:
        if gated not in get_args(Gated):
            raise HubError(400, f'"gated" must be one of {list(get_args(Gated))}')
        repository.gated = gated
    if private is not None:
        repository.private = private
    return json_response({"private": repository.private, "gated": repository.gated})


def auth_check(store: Store, request: Request, repository: Repository, write: str | None) -> Response:
    """``GET /api/{type}s/{id}/auth-check[/write]``."""
    check = check_readable if write is None else check_writable
    check(request.account, repository)
    return Response()


def info(store: Store, request: Request, repository: Repository, revision: str | None) -> Response:
    """``GET /api/{type}s/{id}[/revision/{revision}]``."""
    commit = repository.resolve(revision or "main")
    facts = _facts(repository, commit)
    facts["siblings"] = list(_siblings(commit, blobs=request.flag("blobs")))
    if expand := request.query.get("expand"):
        facts = {key: value for key, value in facts.items() if key in {"_id", "id", *expand}}
    return json_response(facts)


def index(store: Store, request: Request, kind: str) -> Response:
    """``GET /api/{type}s``: the repositories that the caller may see, searched by author, words and tags."""
    query = {name: values[-1] for name, values in request.query.items()}
    found = []
    for repository in store.repositories.values():
        try:
            store.find(repository.type, repository.id, request.account)
        except HubError:
            continue
        facts = _facts(repository, repository.resolve("main"))
        if (
            f"{repository.type}s" == kind
            and query.get("author", facts["author"]) == facts["author"]
            and query.get("search", "").lower() in repository.id.lower()
            and set(request.query.get("filter", ())) <= set(facts["tags"])
        ):
            found.append(facts)
    return json_response(found[: int(query.get("limit", len(found)))])


def _facts(repository: Repository, commit: Commit) -> dict[str, Any]:
    readme = commit.files.get("README.md")
    metadata = card.metadata(readme.content) if readme else {}
    facts = {
        "_id": commit.id[:24],
        "id": repository.id,
        "author": namespace_of(repository.id),
        "sha": commit.id,
        "createdAt": timestamp(repository.created),
        "lastModified": timestamp(commit.date),
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": card.tags(metadata),
        # A YAML date has no JSON form of its own: the Hub sends it as text.
        "cardData": json.loads(json.dumps(metadata, default=str)),
        "usedStorage": sum(blob.size_bytes for blob in commit.files.values()),
    }
    if repository.type == "space":
        facts["sdk"] = repository.sdk
        facts["subdomain"] = repository.id.replace("/", "-")
    return facts


def timestamp(date: Any) -> str:
    """A time as the Hub writes it."""
    return f"{date:%Y-%m-%dT%H:%M:%S}.000Z"


def _siblings(commit: Commit, *, blobs: bool) -> Iterator[dict[str, Any]]:
    for path, blob in commit.files.items():
        yield {"rfilename": path, **(_blob_facts(blob) if blobs else {})}


def _blob_facts(blob: Blob) -> dict[str, Any]:
    facts: dict[str, Any] = {"blobId": blob.oid, "size": blob.size_bytes}
    if blob.sha256 is not None:
        facts["lfs"] = {"sha256": blob.sha256, "size": blob.size_bytes, "pointerSize": len(blob.committed)}
    return facts


def _type_of(wanted: dict[str, Any]) -> RepoType:
    for repo_type in REPO_TYPES:
        if wanted.get("type", "model") == repo_type:
            return repo_type
    raise HubError(400, f'"type" must be one of {list(REPO_TYPES)}')


def _named(request: Request, wanted: dict[str, Any]) -> tuple[RepoType, str]:
    """A name without a namespace is in the caller's own."""
    namespace = wanted.get("organization") or check_logged_in(request.account).name
    return _type_of(wanted), f"{namespace}/{wanted.get('name')}"


def _private(wanted: dict[str, Any]) -> bool | None:
    visibility = wanted.get("visibility")
    private = wanted.get("private")
    return private if visibility is None else visibility == "private"
