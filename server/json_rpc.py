"""JSON-RPC 2.0 as OpenEnv's servers speak it: strict requests, one answer each, no batches."""

from collections.abc import Mapping
from typing import Any

import msgspec

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000

RequestId = str | int | None


class RpcError(Exception):
    """A request that is answered with an error.

    Attributes:
        code: The error's.
        message: The error's.
        data: Facts beside the message, or None.
    """

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class RpcRequest(msgspec.Struct, frozen=True):
    """A request of the right form. One without an id is answered, with a null id, as OpenEnv 0.10.0 does."""

    id: RequestId
    method: str
    params: Mapping[str, Any]


def read_request(message: object) -> RpcRequest:
    """The request that a decoded message is.

    Raises:
        RpcError: It is none.
    """
    if not isinstance(message, Mapping):
        raise RpcError(PARSE_ERROR, "Parse error")
    problem = _problem(message)
    if problem is not None:
        raise RpcError(INVALID_REQUEST, f"Invalid request: {problem}")
    return RpcRequest(message.get("id"), message["method"], message.get("params", {}))


def request_id_of(message: object) -> RequestId:
    """The id to answer with; None where there is none of the right kind."""
    found = message.get("id") if isinstance(message, Mapping) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def result(request_id: RequestId, value: Any) -> dict[str, Any]:
    """The answer to a request that succeeded."""
    return {"jsonrpc": "2.0", "id": request_id, "result": value}


def failure(request_id: RequestId, exc: RpcError) -> dict[str, Any]:
    """The answer to a request that did not."""
    error = {"code": exc.code, "message": exc.message, "data": exc.data}
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


def _problem(request: Mapping[str, Any]) -> str | None:
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | None):
        return "id is text, a whole number or null"
    if request.get("jsonrpc") != "2.0":
        return "jsonrpc must be '2.0'"
    if not isinstance(request.get("method"), str):
        return "method must be text"
    if not isinstance(request.get("params", {}), Mapping):
        return "params must be an object"
    unknown = request.keys() - {"jsonrpc", "id", "method", "params"}
    return f"unknown key {min(unknown)!r:.60}" if unknown else None
