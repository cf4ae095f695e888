"""OpenEnv's JSON-RPC dialect: tools, and sessions that are made and ended by request.

Beside OpenEnv 0.10.0's four methods there is ``openenv/session/agent_token``, for the trainer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.access import AccessDenied, Caller, check
from openenv_tasksets.server.errors import code_of, wire_error
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.json_rpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    SERVER_ERROR,
    RpcError,
    RpcRequest,
    failure,
    read_request,
    request_id_of,
    result,
)
from openenv_tasksets.server.session import Session, SessionEnded
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.tools import TOOL_FAILED, NoTools, ToolFailed, call_tool, list_tools, needs_session

_CREATE = "openenv/session/create"
_CLOSE = "openenv/session/close"
_AGENT_TOKEN = "openenv/session/agent_token"  # noqa: S105 - a method's name


@dataclass(frozen=True, slots=True)
class RpcContext:
    """Where a request came in.

    Attributes:
        host: Whose sessions it is about.
        gate: Makes agents' tokens.
        caller: Who asks.
        session: That of the WebSocket; None for a request over HTTP.
    """

    host: Host
    gate: Gate
    caller: Caller
    session: Session | None = None


async def answer_rpc(message: object, context: RpcContext) -> dict[str, Any]:
    """The response to one request; errors are responses too.

    Args:
        message: As decoded; anything but an object is answered as no JSON at all.
        context: Where it came in.
    """
    try:
        request = read_request(message)
        return result(request.id, await _answer(request, context))
    except Exception as exc:  # noqa: BLE001 - told, and logged where nobody foresaw it
        error = exc if isinstance(exc, RpcError) else _rpc_error(exc)
        error_id = (error.data or {}).get("error_id")
        context.host.counts.error(_kind(exc), _session_told_of(message, context), error_id)
        return failure(request_id_of(message), error)


def _kind(exc: Exception) -> str:
    """What an error is counted as."""
    if isinstance(exc, RpcError):
        return {PARSE_ERROR: "INVALID_JSON", SERVER_ERROR: "FACTORY_ERROR"}.get(exc.code, "VALIDATION_ERROR")
    return TOOL_FAILED if isinstance(exc, NoTools | ToolFailed) else code_of(exc)


def _session_told_of(message: object, context: RpcContext) -> str | None:
    """The session that a request is about, if there is one."""
    if context.session is not None:
        return context.session.id
    params = message.get("params") if isinstance(message, Mapping) else None
    named = context.caller.named(params.get("session_id") if isinstance(params, Mapping) else None)
    return named if named in context.host.sessions else None


def _rpc_error(exc: Exception) -> RpcError:
    """What an exception is in JSON-RPC."""
    if isinstance(exc, NoTools | ToolFailed):
        return RpcError(INTERNAL_ERROR, exc.message)
    error = wire_error(exc)
    if isinstance(exc, CapacityReached):
        return RpcError(SERVER_ERROR, error.message, error.facts)
    if isinstance(exc, AccessDenied):
        return RpcError(SERVER_ERROR, error.message, {"code": error.code})
    if isinstance(exc, SessionEnded):
        return RpcError(INVALID_PARAMS, error.message.partition(". ")[0])
    return RpcError(INTERNAL_ERROR, error.message, {"code": error.code, **error.facts})


async def _answer(request: RpcRequest, context: RpcContext) -> Any:
    if request.method == "tools/list":
        return {"tools": await _list(request.params, context)}
    if request.method == "tools/call":
        return await _call(request.params, context)
    if request.method not in (_CREATE, _CLOSE, _AGENT_TOKEN):
        raise RpcError(METHOD_NOT_FOUND, f"Method not found: {request.method}")
    check(context.caller, "control")
    if request.method == _CREATE:
        return {"session_id": await _create(context)}
    if request.method == _CLOSE:
        return await _close(_session_id(request.params), context)
    return _agent_token(request.params, context)


async def _list(params: Mapping[str, Any], context: RpcContext) -> list[dict[str, Any]]:
    session = _session(params, context)
    kind = context.host.kind
    if session is not None or not needs_session(kind):
        return await list_tools(kind, session)
    async with context.host.passing() as passing:
        return await list_tools(kind, passing)


async def _call(params: Mapping[str, Any], context: RpcContext) -> dict[str, Any]:
    name, arguments = params.get("name"), params.get("arguments", {})
    if not isinstance(name, str) or not name:
        raise RpcError(INVALID_PARAMS, "Missing 'name' in params")
    if not isinstance(arguments, Mapping):
        raise RpcError(INVALID_PARAMS, "'arguments' must be an object")
    session = _session(params, context)
    host = context.host
    if session is not None:
        return (await call_tool(host.kind, session, name, arguments)).value
    if not needs_session(host.kind) and host.kind.step_tool is None:
        raise NoTools("Environment does not support MCP")
    async with host.passing() as passing:
        return (await call_tool(host.kind, passing, name, arguments, in_episode=False)).value


def _session(params: Mapping[str, Any], context: RpcContext) -> Session | None:
    """The session that a request is about: the WebSocket's, the one it names, an agent's own, or none."""
    wanted = params.get("session_id")
    if wanted is not None and not isinstance(wanted, str):
        raise RpcError(INVALID_PARAMS, "'session_id' must be text")
    check(context.caller, "tools", wanted or None)
    if context.session is not None:
        return context.session
    named = context.caller.named(wanted)
    if named is None:
        return None
    session = context.host.sessions.find(named)
    if session.rate is not None:
        session.rate.take()
    return session


async def _create(context: RpcContext) -> str:
    if context.session is not None:
        return context.session.id
    try:
        return (await context.host.open_session(kept=True)).id
    except EnvironmentFailed as exc:
        error = wire_error(exc)
        raise RpcError(SERVER_ERROR, error.message, {"factory_name": context.host.kind.name, **error.facts}) from exc


async def _close(session_id: str, context: RpcContext) -> dict[str, Any]:
    if context.session is not None and context.session.id == session_id:
        raise RpcError(INVALID_REQUEST, "Cannot close active WebSocket-managed session via MCP method")
    if await context.host.sessions.dismiss(session_id):
        return {"session_id": session_id, "closed": True}
    return {"session_id": session_id, "closed": False, "closing": True}


def _agent_token(params: Mapping[str, Any], context: RpcContext) -> dict[str, Any]:
    may_step = params.get("step", False)
    if not isinstance(may_step, bool):
        raise RpcError(INVALID_PARAMS, "'step' must be true or false")
    if context.session is not None and not params.get("session_id"):
        session_id = context.session.id
    else:
        session_id = context.host.sessions.find(_session_id(params)).id
    return {"session_id": session_id, "token": context.gate.agent_token(session_id, may_step=may_step)}


def _session_id(params: Mapping[str, Any]) -> str:
    session_id = params.get("session_id")
    if not isinstance(session_id, str) or not session_id:
        raise RpcError(INVALID_PARAMS, "Invalid params - 'session_id' is required")
    return session_id
