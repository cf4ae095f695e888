"""The tools of an environment, whoever asks for them: every call is a step of the session's episode.

An environment that takes OpenEnv's tool actions is asked by ``list_tools`` and ``call_tool``; one that names a
``step_tool`` has that one tool, whose arguments are the fields of its action; any other one behind a URL is asked in
OpenEnv's JSON-RPC.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.remote_runtime import EnvironmentKind
from openenv_tasksets.server.session import Session
from openenv_tasksets.server.tool_actions import RESERVED_NAMES
from openenv_tasksets.server.wire import encode_json

TOOL_FAILED = "TOOL_FAILED"
"""What an error is counted as that says that there is no such tool, or that it failed."""
_TOO_LATE = "the time of the episode is over; the tool was not called"


class NoTools(TasksetError):
    """The environment offers no tools."""


class ToolFailed(TasksetError):
    """A tool was not called, or said that it failed; the message is the environment's own."""


class ToolAnswer(msgspec.Struct, frozen=True):
    """What a tool gave.

    Attributes:
        value: In OpenEnv's form: the fields of fastmcp's result in snake_case, or the environment's observation.
        content: For an agent to read: MCP's content blocks, in snake_case.
        structured: The same as an object; None where the tool gave none.
        done: Whether the episode is over.
    """

    value: dict[str, Any]
    content: list[dict[str, Any]]
    structured: dict[str, Any] | None
    done: bool


def needs_session(kind: EnvironmentKind) -> bool:
    """Whether the tools are listed by an instance of the environment."""
    return kind.tool_actions or kind.forwards_tools


async def list_tools(kind: EnvironmentKind, session: Session | None) -> list[dict[str, Any]]:
    """The tools: name, description, and the schema of the arguments under both names that clients know it by.

    Args:
        kind: The environment.
        session: Whose; None is enough where ``needs_session`` is False.

    Raises:
        NoTools: The environment offers none.
        TasksetError: As ``Session.step`` does.
    """
    if kind.step_tool is not None:
        return [step_tool(kind.step_tool, kind.action.schema)]
    if session is None or not needs_session(kind):
        raise NoTools("Environment does not support MCP")
    if kind.forwards_tools:
        return await _forwarded_list(session)
    listed = (await session.step({"type": "list_tools"})).observation.get("tools")
    if not isinstance(listed, list | tuple):
        raise NoTools("Environment does not support MCP")
    tools = [each for each in listed if isinstance(each, Mapping) and isinstance(each.get("name"), str)]
    return [
        _tool(each["name"], str(each.get("description") or ""), each.get("input_schema") or {})
        for each in tools
        if each["name"] not in RESERVED_NAMES
    ]


async def call_tool(
    kind: EnvironmentKind, session: Session, name: str, arguments: Mapping[str, Any], *, in_episode: bool = True
) -> ToolAnswer:
    """Call a tool: a step of the running episode.

    Args:
        kind: The environment.
        session: Whose.
        name: The tool.
        arguments: The tool's.
        in_episode: False calls it outside of any episode, in an environment that is there for this call alone.

    Raises:
        NoTools: The environment offers none.
        ToolFailed: There is no such tool, or it failed.
        TasksetError: As ``Session.step`` does.
    """
    action: Mapping[str, Any]
    if kind.step_tool is not None:
        if name != kind.step_tool:
            raise ToolFailed(f"Unknown tool: {name[:100]!r}; there is {kind.step_tool!r}")
        action = arguments
    elif not needs_session(kind):
        raise NoTools("Environment does not support MCP")
    elif name in RESERVED_NAMES:
        raise ToolFailed(f"Unknown tool: {name[:100]!r}")
    elif kind.forwards_tools:
        return await _forwarded_call(session, name, arguments, in_episode)
    else:
        action = {"type": "call_tool", "tool_name": name, "arguments": arguments}
    outcome = await (session.use_tool(action) if in_episode else session.act(action))
    return read_answer(outcome, of_step=kind.step_tool is not None)


def step_tool(name: str, action: Mapping[str, Any]) -> dict[str, Any]:
    """The tool that a step() is offered as.

    Args:
        name: What it is called.
        action: JSON Schema of the action; its metadata, which only clients fill in, is left out.
    """
    schema = {key: value for key, value in action.items() if key not in ("title", "description")}
    properties = {name: each for name, each in schema.get("properties", {}).items() if name != "metadata"}
    about = str(action.get("description") or "Take one action.").partition("\n\n")[0]
    return _tool(name, " ".join(about.split()), {**schema, "properties": properties})


def read_answer(outcome: Outcome, *, of_step: bool) -> ToolAnswer:
    """What a tool gave, from the step that called it.

    Args:
        outcome: Of that step.
        of_step: Whether the tool is the environment's step(), and not one of its tools.

    Raises:
        ToolFailed: It was not called, or said that it failed.
    """
    if not outcome.taken:
        raise ToolFailed(_TOO_LATE)
    return _of_step(outcome) if of_step else _of_observation(outcome)


async def _forwarded_list(session: Session) -> list[dict[str, Any]]:
    listed = _result(await session.ask_tools(_request("tools/list", {}), in_episode=False)).get("tools")
    tools = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return [
        {**each, **_tool(each["name"], str(each.get("description") or ""), _schema(each))}
        for each in tools
        if isinstance(each.get("name"), str) and each["name"] not in RESERVED_NAMES
    ]


async def _forwarded_call(session: Session, name: str, arguments: Mapping[str, Any], in_episode: bool) -> ToolAnswer:
    request = _request("tools/call", {"name": name, "arguments": arguments})
    outcome = await session.ask_tools(request, in_episode=in_episode)
    if not outcome.taken:
        raise ToolFailed(_TOO_LATE)
    result = _result(outcome)
    # fastmcp's result, or the observation of an environment that knows tools by its actions.
    observation = {"result": result} if "content" in result else result
    return _of_observation(msgspec.structs.replace(outcome, observation=observation))


def _request(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _result(outcome: Outcome) -> dict[str, Any]:
    """What a JSON-RPC response holds."""
    error, result = outcome.observation.get("error"), outcome.observation.get("result")
    if isinstance(error, Mapping):
        raise ToolFailed(str(error.get("message", "the tool failed")))
    if not isinstance(result, dict):
        raise ToolFailed("the environment's server gave no result")
    return result


def _schema(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = tool.get("inputSchema") or tool.get("input_schema")
    return schema if isinstance(schema, dict) else {}


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": schema, "input_schema": schema}


def _of_step(outcome: Outcome) -> ToolAnswer:
    done = outcome.done or outcome.truncated_by is not None
    given = {"observation": outcome.observation, "done": done}
    content = [_text(encode_json(given).decode())]
    value = {"content": content, "structured_content": given, "meta": None, "data": given, "is_error": False}
    return ToolAnswer(value, content, given, done)


def _of_observation(outcome: Outcome) -> ToolAnswer:
    done = outcome.done or outcome.truncated_by is not None
    observation = outcome.observation
    error, given = observation.get("error"), observation.get("result")
    if error:
        raise ToolFailed(str(error.get("message", "the tool failed")) if isinstance(error, Mapping) else str(error))
    if isinstance(given, Mapping) and isinstance(given.get("content"), list | tuple):
        if given.get("is_error"):
            raise ToolFailed(" ".join(str(each.get("text", "")) for each in given["content"]) or "the tool failed")
        value = dict(given)
        if done:
            value["meta"] = {**(given.get("meta") or {}), "done": True}
        return ToolAnswer(value, list(given["content"]), given.get("structured_content"), done)
    if "result" not in observation:  # no tool's observation, which an environment is free to give
        return _of_step(outcome)
    structured = given if isinstance(given, dict) else None
    shown = given if isinstance(given, str) else encode_json(given).decode()
    return ToolAnswer({**observation, "done": done}, [_text(shown)], structured, done)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "annotations": None, "meta": None}


def plain(value: Any) -> Any:
    """A value as JSON has it: what the environment gave may hold arrays, say.

    Raises:
        EnvironmentFailed: It has no JSON form.
    """
    return json.loads(encode_json(value))
