"""OpenEnv's actions to list and to call tools: which environments take them, and how they are read.

OpenEnv is never imported here unless an environment's class came from it.
"""

import importlib
import inspect
import typing
from collections.abc import Mapping
from typing import Any

from openenv_tasksets.server.wire_type import WireType, wire_type

RESERVED_NAMES = frozenset(("reset", "step", "state", "close"))
"""What no tool is called: an agent chooses no task, and reads no state."""

_TYPES = "openenv.core.env_server.types"
_MCP_TYPES = "openenv.core.env_server.mcp_types"
_MCP_ENVIRONMENT = "openenv.core.env_server.mcp_environment"
_ENVIRONMENT = "openenv.core.env_server.interfaces"
_ACTIONS = frozenset(
    ((_TYPES, "Action"), (_MCP_TYPES, "CallToolAction"), (_MCP_TYPES, "ListToolsAction")),
)
_NAMES = {"list_tools": "ListToolsAction", "call_tool": "CallToolAction"}


def takes_tool_actions(environment: type[Any], action: Any) -> bool:
    """Whether an environment's step() takes them, as OpenEnv decides it.

    It does where the action is one of them or OpenEnv's base ``Action``, also in a union, and where the class is
    an ``MCPEnvironment``. So does an OpenEnv environment whose action is annotated as ``Any``: that is how
    ``openenv import`` writes its wrappers, which take these two alone.

    Args:
        environment: The class.
        action: The annotation of its step()'s action.
    """
    if any(each.__module__ == _MCP_ENVIRONMENT for each in environment.__mro__):
        return True
    if action is Any and any(each.__module__ == _ENVIRONMENT for each in environment.__mro__):
        return True
    members = typing.get_args(action) or (action,)
    return any(inspect.isclass(each) and (each.__module__, each.__qualname__) in _ACTIONS for each in members)


def asks_for_tools(action: Mapping[str, Any]) -> bool:
    """Whether an action, as it came over the wire, asks which tools there are."""
    return action.get("type") == "list_tools" and action.keys() <= {"type", "metadata"}


def with_tool_actions(action: WireType) -> WireType:
    """The type that also reads OpenEnv's two actions, told by their ``type``."""
    module = importlib.import_module(_MCP_TYPES)
    decoders = {kind: wire_type(getattr(module, name), name).decode for kind, name in _NAMES.items()}

    def decode(data: Mapping[str, Any]) -> Any:
        kind = data.get("type")
        special = decoders.get(kind) if isinstance(kind, str) else None
        return (special or action.decode)(data)

    return WireType(decode, action.schema)
