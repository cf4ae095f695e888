"""The application: every hosted environment's routes, in one FastAPI app."""

from collections.abc import Sequence

from fastapi import FastAPI, WebSocket
from fastapi.exceptions import RequestValidationError

from openenv_tasksets.declaration import RESERVED_IDS
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.http import Mode, http_routes
from openenv_tasksets.server.json_response import bad_request, error_response
from openenv_tasksets.server.task_api import task_api
from openenv_tasksets.server.websocket import serve_websocket


def create_app(hosts: Sequence[Host], *, mode: Mode = "simulation") -> FastAPI:
    """Serve hosts over OpenEnv's API.

    One host is served at the root and, like several, under ``/{id}``: a client's base URL may be either.

    Args:
        hosts: At least one; ids differ (case aside) and are no route's name.
        mode: ``production`` has no HTTP /reset, /step and /state.

    Raises:
        TasksetError: No host, two of one id, or an id that collides with a route.
    """
    by_id = _by_id(hosts)
    root = _new_app("OpenEnv Environment HTTP API")
    root.include_router(task_api(by_id))
    if len(hosts) == 1:
        _add_environment(root, hosts[0], mode)
    else:

        @root.get("/health", tags=["Health"])
        async def health() -> dict[str, str]:
            return {"status": "healthy"}

    for host in hosts:
        prefixed = _new_app(f"OpenEnv Environment HTTP API: {host.id}")
        prefixed.include_router(task_api({host.id: host}))
        _add_environment(prefixed, host, mode)
        root.mount(f"/{host.id}", prefixed)
    return root


def _add_environment(app: FastAPI, host: Host, mode: Mode) -> None:
    app.include_router(http_routes(host, mode))

    @app.websocket("/ws")
    async def websocket(websocket: WebSocket) -> None:
        await serve_websocket(websocket, host)


def _new_app(title: str) -> FastAPI:
    app = FastAPI(title=title, version="1.0.0")
    app.add_exception_handler(TasksetError, error_response)
    app.add_exception_handler(RequestValidationError, bad_request)
    app.add_exception_handler(Exception, error_response)
    return app


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
