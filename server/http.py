"""OpenEnv's HTTP routes for one environment. Each request to /reset, /step and /state has an environment of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from openenv_tasksets.server.host import Host
from openenv_tasksets.server.json_response import json_response
from openenv_tasksets.server.mcp import answer_rpc
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.runtime import Runtime
from openenv_tasksets.server.wire import FrameError, decode_json

Mode = Literal["simulation", "production"]


class ResetRequest(BaseModel):
    """Selectors of a task, and further arguments of the environment's reset()."""

    model_config = ConfigDict(extra="allow")

    seed: int | None = Field(default=None, ge=0, strict=True, description="A position in the split's stream.")
    episode_id: str | None = Field(default=None, max_length=255, description="The client's label.")


class StepRequest(BaseModel):
    """One action."""

    model_config = ConfigDict(extra="allow")

    action: dict[str, Any] = Field(description="Conforms to the environment's action schema.")
    timeout_s: float | None = Field(default=None, gt=0, description="Seconds to wait for the environment.")
    request_id: str | None = Field(default=None, max_length=255, description="The client's label.")


def http_routes(host: Host, mode: Mode) -> APIRouter:
    """The routes; ``production`` leaves out /reset, /step and /state."""
    router = APIRouter()
    description = _metadata(host)

    @router.get("/health", tags=["Health"])
    async def health() -> dict[str, str]:
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
        return json_response(answer_rpc(message))

    if mode == "simulation":
        _add_episode_routes(router, host)
    return router


def _add_episode_routes(router: APIRouter, host: Host) -> None:
    @router.post("/reset", tags=["Environment Control"])
    async def reset(request: ResetRequest = Body(default_factory=ResetRequest)) -> Response:  # noqa: B008
        session = await host.unlisted_session()
        try:
            outcome = await session.reset(request.model_dump(exclude_unset=True))
        finally:
            await session.close()
        return _observation(outcome)

    @router.post("/step", tags=["Environment Control"])
    async def step(request: StepRequest) -> Response:
        async with _fresh_environment(host) as runtime:
            return _observation(await runtime.step(request.action, request.timeout_s))

    @router.get("/state", tags=["State Management"])
    async def state() -> Response:
        session = await host.unlisted_session()
        try:
            return json_response(await session.state())
        finally:
            await session.close()


@asynccontextmanager
async def _fresh_environment(host: Host) -> AsyncIterator[Runtime]:
    runtime = await Runtime.start(host.kind)
    try:
        yield runtime
    finally:
        await runtime.close()


def _observation(outcome: Outcome) -> Response:
    reward = outcome.reward
    wire = outcome.to_wire()
    return json_response(
        {**wire, "reward": None if reward is None else float(reward), "metadata": wire.get("metadata")}
    )


def _metadata(host: Host) -> dict[str, Any]:
    return {
        "name": host.kind.name,
        "description": host.description,
        "readme_content": None,
        "version": "1.0.0",
        "author": None,
        "documentation_url": None,
    }
