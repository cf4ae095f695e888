"""What an environment can be asked to do in an episode, as tools: its own, or its step() as the only one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openenv_tasksets.server.host import Host
from openenv_tasksets.server.tools import NoTools, list_tools, step_tool
from openenv_tasksets.task_client import TaskClient

STEP = "step"
"""What the step() of an environment without tools is called."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        name: Its name.
        description: What it does.
        schema: JSON Schema of its arguments.
        of_step: Whether it is the environment's step(), whose arguments are the action's fields.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    of_step: bool

    def action(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The action that calls it."""
        if not self.of_step:
            return {"type": "call_tool", "tool_name": self.name, "arguments": dict(arguments)}
        return dict(arguments) if self.has_fields else dict(arguments.get("action") or {})

    @property
    def has_fields(self) -> bool:
        """Whether its arguments have names; those of an action of any form come as one argument ``action``."""
        return bool(self.schema.get("properties")) or not self.of_step


async def tools_of_host(host: Host) -> list[Tool]:
    """The tools of an environment in this process; never empty.

    Raises:
        TasksetError: It could not be made, or did not list its tools.
    """
    kind = host.kind
    try:
        if not kind.tool_actions:
            return _tools(await list_tools(kind, None), kind.action.schema)
        async with host.passing() as session:
            return _tools(await list_tools(kind, session), kind.action.schema)
    except NoTools:
        return _tools([], kind.action.schema)


def tools_of_server(client: TaskClient) -> list[Tool]:
    """The tools of a server's environment; never empty.

    Raises:
        ServerUnusable: It does not answer, or not as OpenEnv's servers do.
    """
    action = client.schema().get("action")
    return _tools(client.tools(), action if isinstance(action, Mapping) else {})


def _tools(listed: Sequence[Mapping[str, Any]], action: Mapping[str, Any]) -> list[Tool]:
    """The tools as listed; the step() where none are, or where the only one takes just the action's fields."""
    step = step_tool(STEP, action)
    if not listed:
        return [_tool(step, of_step=True)]
    of_step = len(listed) == 1 and bool(step["input_schema"]["properties"]) and _schema(listed[0]) == _schema(step)
    return [_tool(each, of_step=of_step) for each in listed]


def _tool(listed: Mapping[str, Any], *, of_step: bool) -> Tool:
    return Tool(str(listed["name"]), str(listed.get("description") or ""), _schema(listed), of_step)


def _schema(listed: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = listed.get("input_schema") or listed.get("inputSchema")
    return schema if isinstance(schema, Mapping) else {}
