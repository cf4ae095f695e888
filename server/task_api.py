"""OpenEnv's Task API over HTTP, for every hosted environment. Rows are read on a thread: nobody's episode waits."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, StrictInt
from starlette.responses import Response

from openenv_tasksets.server.host import Host
from openenv_tasksets.server.json_response import json_response
from openenv_tasksets.task_provider import TaskProvider

_METHODS = {"splits": "GET", "tasks": "POST", "num_tasks": "POST", "task": "POST", "task_range": "POST"}
_ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    split: str


class TaskRequest(_Request):
    """One task."""

    index: StrictInt


class TaskRangeRequest(_Request):
    """Tasks of [start, stop)."""

    start: StrictInt | None = None
    stop: StrictInt | None = None


class SplitRequest(_Request):
    """A split."""


def task_api(hosts: Mapping[str, Host]) -> APIRouter:
    """The routes for these hosts, by environment id (compared without regard to case)."""
    router = APIRouter(tags=["Task API"])
    providers = {name.lower(): (name, TaskProvider(host.taskset)) for name, host in hosts.items()}

    def find(env_name: str) -> tuple[str, TaskProvider]:
        if env_name.lower() not in providers:
            raise HTTPException(404, f"unknown environment {env_name!r}")
        return providers[env_name.lower()]

    @router.get("/list_environments")
    async def list_environments() -> list[str]:
        return list(hosts)

    @router.get("/{env_name}/splits")
    async def list_splits(env_name: str) -> list[dict[str, str]]:
        _, tasks = find(env_name)
        return tasks.list_splits()

    @router.post("/{env_name}/tasks")
    async def list_tasks(env_name: str, request: SplitRequest) -> Response:
        name, tasks = find(env_name)
        found = await asyncio.to_thread(tasks.list_tasks, request.split)
        return json_response({"tasks": found, "env_name": name})

    @router.post("/{env_name}/num_tasks")
    async def num_tasks(env_name: str, request: SplitRequest) -> Response:
        _, tasks = find(env_name)
        return json_response({"num_tasks": await asyncio.to_thread(tasks.num_tasks, request.split)})

    @router.post("/{env_name}/task")
    async def get_task(env_name: str, request: TaskRequest) -> Response:
        _, tasks = find(env_name)
        return json_response({"task": await asyncio.to_thread(tasks.get_task, request.split, request.index)})

    @router.post("/{env_name}/task_range")
    async def get_task_range(env_name: str, request: TaskRangeRequest) -> Response:
        _, tasks = find(env_name)
        found = await asyncio.to_thread(tasks.get_task_range, request.split, request.start, request.stop)
        return json_response({"tasks": found})

    for path, right in _METHODS.items():
        wrong = [method for method in _ALL_METHODS if method != right]
        router.add_api_route(f"/{{env_name}}/{path}", _only(right), methods=wrong, include_in_schema=False)
    return router


def _only(method: str) -> Callable[[], Awaitable[None]]:
    """Refuses the other methods here: the routes below an environment's path would say that there is no such path."""

    async def refuse() -> None:
        raise HTTPException(405, headers={"Allow": method})

    return refuse
