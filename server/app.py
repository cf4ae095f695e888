"""The application: every hosted environment's routes, in one FastAPI app."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import get_args

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from openenv_tasksets.declaration import RESERVED_IDS
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.access import AccessDenied
from openenv_tasksets.server.conversation import Channel
from openenv_tasksets.server.errors import told
from openenv_tasksets.server.fast_http import FastHttp
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.http import Mode, http_routes
from openenv_tasksets.server.http_episode import SESSION_HEADER, HttpEpisodes
from openenv_tasksets.server.json_response import bad_request, error_response, http_error, json_response
from openenv_tasksets.server.mcp_http import MCP_SESSION_HEADER, McpHttp
from openenv_tasksets.server.metrics import CONTENT_TYPE, Metrics
from openenv_tasksets.server.task_api import task_api
from openenv_tasksets.server.websocket import serve_websocket

_TITLE = "OpenEnv Environment HTTP API"
_VERSION = "1.0.0"


def create_app(hosts: Sequence[Host], *, mode: Mode = "simulation", gate: Gate | None = None) -> "Application":
    """Serve hosts over OpenEnv's API.

    One host is served at the root and, like several, under ``/{id}``: a client's base URL may be either.

    Args:
        hosts: At least one; ids differ (case aside) and are no route's name.
        mode: ``production`` has no HTTP /reset, /step and /state.
        gate: Who may come in; None lets everybody be the trainer, but no foreign web page.

    Raises:
        TasksetError: No host, two of one id, or an id that collides with a route.
        ValueError: There is no such mode.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode is {mode!r}; expected one of: {', '.join(get_args(Mode))}")
    by_id = _by_id(hosts)
    root = Application(hosts, mode, gate or Gate())
    root.include_router(task_api(by_id))
    _add_metrics(root, hosts)
    if len(hosts) == 1:
        root.include_router(http_routes(hosts[0], mode, root.gate))
    else:

        @root.get("/health", tags=["Health"])
        async def health() -> dict[str, str]:
            return {"status": "healthy"}

    for host in hosts:
        prefixed = FastAPI(title=f"{_TITLE}: {host.id}", version=_VERSION)
        _add_handlers(prefixed)
        prefixed.include_router(task_api({host.id: host}))
        prefixed.include_router(http_routes(host, mode, root.gate))
        root.mount(f"/{host.id}", prefixed)
    return root


class Application(FastAPI):
    """The application of one or several hosts.

    Attributes:
        hosts: By the path before their routes; the root's is empty.
        gate: Who may come in.
        entrance: What answers HTTP before the framework; None where pages of other origins may ask, whose browsers
            need more headers than it writes.
    """

    def __init__(self, hosts: Sequence[Host], mode: Mode, gate: Gate) -> None:
        super().__init__(title=_TITLE, version=_VERSION, lifespan=_until_closed)
        _add_handlers(self)
        self.gate = gate
        self.hosts = {f"/{host.id}": host for host in hosts}
        if len(hosts) == 1:
            self.hosts[""] = hosts[0]
        mcp_of = {host.id: McpHttp(host) for host in hosts}
        self.mcp = {path: mcp_of[host.id] for path, host in self.hosts.items()}
        episodes = {path: HttpEpisodes(host) for path, host in self.hosts.items()}
        entrance = FastHttp(
            super().__call__,
            gate,
            episodes if mode == "simulation" else {},
            self.mcp,
            counts={path: host.counts for path, host in self.hosts.items()},
            healthy=[
                path for path in {"": None, **self.hosts} if path not in self.hosts or not self.hosts[path].server
            ],
        )
        self._http: ASGIApp = entrance
        self.entrance = None if gate.origins else entrance
        if gate.origins:
            self._http = CORSMiddleware(
                self._http,
                allow_origins=gate.origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=[SESSION_HEADER, MCP_SESSION_HEADER],
            )

    async def drain(self, seconds: float) -> None:
        """Begin no session and no episode more, and wait at most ``seconds`` for those that run."""
        await asyncio.gather(*(host.sessions.drain(seconds) for host in set(self.hosts.values())))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
            return
        if scope["type"] != "websocket":
            await super().__call__(scope, receive, send)
            return
        # No route of the framework's: it would keep 20 KiB a connection, and cost at every frame.
        prefix, _, route = scope["path"].removeprefix(scope.get("root_path", "")).rpartition("/")
        host = self.hosts.get(prefix) if route in ("ws", "mcp") else None
        try:
            caller = self.gate.admit_websocket(Headers(scope=scope).getlist)
        except AccessDenied as exc:
            error = told(exc, None if host is None else host.counts)
            refused = json_response(error.http_body(), error.status, error.http_headers())
            await WebSocket(scope, receive, send).send_denial_response(refused)
            return
        if host is None:
            await super().__call__(scope, receive, send)
            return
        await serve_websocket(scope, receive, send, Channel(host, self.gate, caller, rpc_only=route == "mcp"))


@asynccontextmanager
async def _until_closed(app: "Application") -> AsyncIterator[None]:
    yield
    await asyncio.gather(*(mcp.close() for mcp in set(app.mcp.values())))
    await asyncio.gather(*(host.close() for host in set(app.hosts.values())))


def _add_metrics(app: FastAPI, hosts: Sequence[Host]) -> None:
    metrics = Metrics(hosts)

    @app.get("/metrics", include_in_schema=False)
    async def metrics_text() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)


def _add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(TasksetError, error_response)
    app.add_exception_handler(RequestValidationError, bad_request)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, error_response)


def _by_id(hosts: Sequence[Host]) -> dict[str, Host]:
    if not hosts:
        raise TasksetError("there is no environment to serve")
    by_id: dict[str, Host] = {}
    for host in hosts:
        if host.id.lower() in RESERVED_IDS:
            raise TasksetError(f"environment id {host.id!r} is the name of a server route; choose another id")
        if any(host.id.lower() == other.lower() for other in by_id):
            raise TasksetError(f"two environments have the id {host.id!r}; serve them from two processes")
        by_id[host.id] = host
    return by_id
