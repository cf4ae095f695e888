"""OpenEnv's JSON-RPC dialect for environments that offer no tools."""

from collections.abc import Mapping
from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603


def answer_rpc(request: object) -> dict[str, Any]:
    """The JSON-RPC 2.0 response to one request; errors are responses too.

    A request without an id is answered, with a null id, as OpenEnv 0.10.0 does.
    """
    if not isinstance(request, Mapping):
        return _error(None, PARSE_ERROR, "Parse error")
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | None):
        return _error(None, INVALID_REQUEST, "Invalid request: id is text, a whole number or null")
    problem = _problem(request)
    if problem is not None:
        return _error(request_id, INVALID_REQUEST, f"Invalid request: {problem}")
    if request["method"] == "tools/call" and not request.get("params", {}).get("name"):
        return _error(request_id, INVALID_PARAMS, "Missing 'name' in params")
    if request["method"] in ("tools/list", "tools/call"):
        return _error(request_id, INTERNAL_ERROR, "Environment does not support MCP")
    return _error(request_id, METHOD_NOT_FOUND, f"Method not found: {request['method']}")


def _problem(request: Mapping[str, Any]) -> str | None:
    if request.get("jsonrpc") != "2.0":
        return "jsonrpc must be '2.0'"
    if not isinstance(request.get("method"), str):
        return "method must be text"
    if not isinstance(request.get("params", {}), Mapping):
        return "params must be an object"
    unknown = request.keys() - {"jsonrpc", "id", "method", "params"}
    return f"unknown key {min(unknown)!r:.60}" if unknown else None


def _error(request_id: str | int | None, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message, "data": None}}
