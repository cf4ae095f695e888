"""From a request to its answer: the table of paths."""

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import unquote

from loopback_hub import commit_routes, file_routes, lfs_routes, repository_routes, tree_routes
from loopback_hub.errors import HubError, repository_not_found
from loopback_hub.exchange import Request, Response, error_response, json_response
from loopback_hub.repository import REPO_TYPES, RepoType
from loopback_hub.store import Store

Handler: TypeAlias = Callable[..., Response]

_REPO = "(?P<repo>[^/]+/[^/]+)"
_API = f"/api/(?P<kind>models|datasets|spaces)/{_REPO}"
_SITE = f"(?:/api/(?=(?:models|datasets|spaces)/)|/)(?:(?P<kind>models|datasets|spaces)/)?{_REPO}"
# A reference with slashes may come unquoted.
_REVISION = "(?P<revision>refs/[^/]+/[^/]+|[^/]+)"
_STORED = f"/(?P<kind>model|dataset|space)/{_REPO}/(?P<sha256>[0-9a-f]+)"


def _no_agents(store: Store, request: Request) -> Response:
    return json_response({"standardEnvVars": [], "harnesses": {}})


_TABLE: tuple[tuple[str, str, str, Handler], ...] = (
    ("api", "GET", "/api/whoami-v2", repository_routes.whoami),
    ("api", "GET", "/api/agent-harnesses", _no_agents),
    ("api", "POST", "/api/validate-yaml", repository_routes.validate_yaml),
    ("api", "POST", "/api/repos/create", repository_routes.create),
    ("api", "DELETE", "/api/repos/delete", repository_routes.delete),
    ("api", "POST", "/api/repos/move", repository_routes.move),
    ("api", "GET", "/api/(?P<kind>models|datasets|spaces)", repository_routes.index),
    ("api", "GET", "/api/resolve-cache/(?P<kind>models|datasets|spaces)/" + _REPO + f"/{_REVISION}/(?P<path>.+)",
     file_routes.cached),
    ("api", "GET", _API + f"(?:/revision/{_REVISION})?", repository_routes.info),
    ("api", "PUT", _API + "/settings", repository_routes.settings),
    ("api", "GET", _API + "/auth-check(?P<write>/write)?", repository_routes.auth_check),
    ("api", "GET", _API + f"/tree/{_REVISION}(?:/(?P<path>.+))?", tree_routes.tree),
    ("api", "POST", _API + f"/paths-info/{_REVISION}", tree_routes.paths_info),
    ("api", "GET", _API + f"/commits/{_REVISION}", tree_routes.commits),
    ("api", "GET", _API + "/refs", tree_routes.references),
    ("api", "POST", _API + "/branch/(?P<name>.+)", tree_routes.create_branch),
    ("api", "DELETE", _API + "/branch/(?P<name>.+)", tree_routes.delete_branch),
    ("api", "POST", _API + "/tag/(?P<name>.+)", tree_routes.create_tag),
    ("api", "DELETE", _API + "/tag/(?P<name>.+)", tree_routes.delete_tag),
    ("api", "POST", _API + f"/preupload/{_REVISION}", commit_routes.preupload),
    ("api", "POST", _API + f"/commit/{_REVISION}", commit_routes.commit),
    ("api", "POST", "/_lfs/verify" + _STORED, lfs_routes.verify),
    ("api", "POST", _SITE + r"\.git/info/lfs/objects/batch", lfs_routes.batch),
    ("api", "GET", _SITE + f"/resolve/{_REVISION}/(?P<path>.+)", file_routes.resolve),
    ("api", "GET", _SITE + f"/raw/{_REVISION}/(?P<path>.+)", file_routes.raw),
    ("cdn", "PUT", "/_lfs/upload" + _STORED, lfs_routes.upload),
    ("cdn", "GET", "/_cdn" + _STORED, file_routes.large),
)  # fmt: skip
ROUTES = tuple((origin, method, re.compile(pattern), handler) for origin, method, pattern, handler in _TABLE)


def answer(store: Store, request: Request) -> Response:
    """Serve one request; whoever calls sees to it that no other is served meanwhile."""
    try:
        return _dispatch(store, request)
    except HubError as exc:
        return error_response(exc)


def _dispatch(store: Store, request: Request) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    for origin, wanted, pattern, handler in ROUTES:
        found = pattern.fullmatch(request.path) if (origin, wanted) == (request.origin, method) else None
        if found is None:
            continue
        arguments = {name: value and unquote(value) for name, value in found.groupdict().items()}
        if "repo" not in arguments:
            return handler(store, request, **arguments)
        repo_type, repo_id = _type(arguments.pop("kind")), arguments.pop("repo")
        if (repo_type, repo_id) in store.moved:
            location = request.target.replace(repo_id, store.moved[repo_type, repo_id], 1)
            return Response(307, {"Location": location})
        repository = (
            store.repositories.get((repo_type, repo_id))
            if origin == "cdn"
            else store.find(repo_type, repo_id, request.account)
        )
        if repository is None:
            raise HubError(404, "There is no such object")
        return handler(store, request, repository, **arguments)
    if re.match("/api/(models|datasets|spaces)/[^/]+(/revision/[^/]+)?$|.*/(resolve|raw)/", request.path):
        raise repository_not_found(anonymous=request.account is None)
    raise HubError(404, f"This Hub does not serve {request.method} {request.path}")


def _type(kind: str | None) -> RepoType:
    """``datasets`` of an address, or nothing in a model's."""
    for repo_type in REPO_TYPES:
        if kind in (repo_type, f"{repo_type}s"):
            return repo_type
    return "model"
