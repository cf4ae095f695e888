"""What an environment's tools are, in this process and as its server tells."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from planted_quiz import ROWS, TASK, Quiz
from tool_environment import Guess

from openenv_tasksets.answer import Answer
from openenv_tasksets.audit.served import served
from openenv_tasksets.server.host import Host
from openenv_tasksets.task_client import TaskClient
from openenv_tasksets.tool import tools_of_host, tools_of_server


class AnyAction(Quiz):
    def step(self, action: dict[str, Any]) -> Any:
        return {}


@dataclass
class Nothing:
    pass


class NoFields(Quiz):
    def step(self, action: Nothing) -> Any:
        return {}


@pytest.mark.parametrize(
    ("environment", "task", "expected"),
    [
        (Quiz, TASK, [("step", ["reply"], True, {"reply": "x"})]),
        (
            Answer,
            {"reset": {"prompt": "prompt", "answer": "answer"}},
            [("submit", ["answer"], True, {"answer": "x"})],
        ),
        (AnyAction, TASK, [("step", [], True, {})]),
        (NoFields, TASK, [("step", [], True, {})]),
        (
            Guess,
            {"reset": {"question": "prompt", "answer": {"value": 3}}},
            [
                (name, fields, False, {"type": "call_tool", "tool_name": name, "arguments": dict.fromkeys(fields, "x")})
                for name, fields in (("guess", ["number"]), ("add", ["a", "b"]), ("fail", []))
            ],
        ),
    ],
)
def test_the_tools_are_the_same_in_this_process_and_at_a_server(make_taskset, environment, task, expected):
    host = Host(make_taskset(ROWS, task), environment)
    local = asyncio.run(tools_of_host(host))
    with served(host) as url:
        remote = tools_of_server(TaskClient(url))
    assert local == remote
    found = [
        (tool.name, list(tool.schema.get("properties", {})), tool.of_step, tool.action(dict.fromkeys(fields, "x")))
        for tool, (_, fields, *_) in zip(local, expected, strict=True)
    ]
    assert found == expected
    assert all(tool.description for tool in local)
