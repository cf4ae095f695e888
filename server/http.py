"""OpenEnv's HTTP routes for one environment."""

from collections.abc import Coroutine, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.http_episode import Answer, ClientGone, HttpEpisodes
from openenv_tasksets.server.json_response import json_response
from openenv_tasksets.server.openenv_rpc import RpcContext, answer_rpc
from openenv_tasksets.server.wire import FrameError, decode_json

Mode = Literal["simulation", "production"]

_SESSION = "The session, by the id that /reset gave; without one, the request has an environment of its own."
_SessionHeader = Annotated[str | None, Header(alias="X-Session-Id", description=_SESSION)]
CLIENT_CLOSED_REQUEST = 499


class ResetRequest(BaseModel):
    """Selectors of a task, and further arguments of the environment's reset()."""

    model_config = ConfigDict(extra="allow")

    seed: int | None = Field(default=None, ge=0, strict=True, description="A position in the split's stream.")
    episode_id: str | None = Field(default=None, max_length=255, description="The client's label.")
    session_id: str | None = Field(default=None, description="As the header X-Session-Id.")


class StepRequest(BaseModel):
    """One action."""

    model_config = ConfigDict(extra="allow")

    action: dict[str, Any] = Field(description="Conforms to the environment's action schema.")
    timeout_s: float | None = Field(default=None, gt=0, description="Seconds to wait for the environment.")
    request_id: str | None = Field(default=None, max_length=255, description="The client's label.")
    session_id: str | None = Field(default=None, description="As the header X-Session-Id.")


def http_routes(host: Host, mode: Mode, gate: Gate) -> APIRouter:
    """The routes; ``production`` leaves out /reset, /step and /state. Who asks is in the scope, as ``caller``."""
    router = APIRouter()
    description = _metadata(host)

    @router.get("/health", tags=["Health"])
    async def health(response: Response) -> dict[str, str]:
        if host.server is not None and host.server.given_up:
            response.status_code = 503
            return {"status": "unhealthy"}
        return {"status": "healthy"}

    @router.get("/metadata", tags=["Environment Info"])
    async def metadata() -> Mapping[str, Any]:
        return description

    @router.get("/schema", tags=["Schema"])
    async def schema() -> Mapping[str, Any]:
        kind = host.kind
        return {
            "action": kind.action.schema,
            "observation": kind.observation.schema,
            "state": kind.state.schema,
            "reset_observation": kind.reset_observation.schema,
        }

    @router.post("/mcp", tags=["MCP"])
    async def mcp(request: Request) -> Response:
        try:
            message = decode_json(await request.body())
        except FrameError:
            message = None
        return json_response(await answer_rpc(message, RpcContext(host, gate, request.scope["caller"])))

    if mode == "simulation":
        _add_episode_routes(router, HttpEpisodes(host))
    return router


def _add_episode_routes(router: APIRouter, episodes: HttpEpisodes) -> None:
    @router.post("/reset", tags=["Environment Control"])
    async def reset(
        http: Request,
        request: ResetRequest = Body(default_factory=ResetRequest),  # noqa: B008
        x_session_id: _SessionHeader = None,
    ) -> Response:
        data = request.model_dump(exclude_unset=True)
        in_body = data.pop("session_id", None)
        return await _response(episodes.reset(data, x_session_id or in_body, http.receive))

    @router.post("/step", tags=["Environment Control"])
    async def step(http: Request, request: StepRequest, x_session_id: _SessionHeader = None) -> Response:
        options = request.model_dump(exclude_unset=True, exclude={"action", "session_id"})
        session_id = x_session_id or request.session_id
        caller = http.scope["caller"]
        return await _response(episodes.step(request.action, options, session_id, http.receive, caller))

    @router.get("/state", tags=["State Management"])
    async def state(
        http: Request,
        x_session_id: _SessionHeader = None,
        session_id: Annotated[str | None, Query(description="As the header X-Session-Id.")] = None,
    ) -> Response:
        return await _response(episodes.state(x_session_id or session_id, http.receive))


async def _response(answer: Coroutine[Any, Any, Answer]) -> Response:
    try:
        found = await answer
    except ClientGone:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return Response(found.body, found.status, dict(found.headers), "application/json")


def _metadata(host: Host) -> dict[str, Any]:
    return {
        "name": host.kind.name,
        "description": host.description,
        "readme_content": None,
        "version": "1.0.0",
        "author": None,
        "documentation_url": None,
    }
