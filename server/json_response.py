"""JSON answers over HTTP, in the same wire form as the WebSocket's frames."""

from collections.abc import Mapping
from typing import Any, cast

from fastapi import Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.errors import told
from openenv_tasksets.server.wire import TOO_DEEP, encode_json


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with ``value`` as its body and further headers.

    Raises:
        EnvironmentFailed: A value has no JSON form.
    """
    return Response(encode_json(value), status_code=status, headers=headers, media_type="application/json")


async def error_response(request: Request, exc: Exception) -> Response:
    """What an exception is over HTTP; see ``openenv_tasksets.server.errors``. Counted for whom the scope says."""
    error = told(exc, request.scope.get("counts"))
    return json_response(error.http_body(), error.status, error.http_headers())


async def http_error(request: Request, exc: Exception) -> Response:
    """An answer that the framework has decided on; a body that it could not read is a mistake like others in JSON."""
    assert isinstance(exc, HTTPException)  # noqa: S101 - for the type checker
    reason = _unreadable(exc.__cause__) if exc.status_code == 400 else None
    if exc.status_code == 413:
        _count(request, "MESSAGE_TOO_LARGE")
        return json_response({"detail": exc.detail, "code": "MESSAGE_TOO_LARGE"}, 413)
    if reason is None:
        return await http_exception_handler(request, exc)
    return await bad_request(
        request, RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": reason}])
    )


def _unreadable(cause: BaseException | None) -> str | None:
    if isinstance(cause, RecursionError):
        return f"the body is {TOO_DEEP}"
    if isinstance(cause, UnicodeError):
        return "the body is not UTF-8 text"
    return "a number has too many digits" if isinstance(cause, ValueError) else None


async def bad_request(request: Request, exc: Exception) -> Response:
    """What is wrong with a request's body or path, without repeating it; counted likewise."""
    _count(request, "VALIDATION_ERROR")
    mistakes = cast(RequestValidationError, exc).errors()
    return json_response({"detail": [{key: each[key] for key in ("type", "loc", "msg")} for each in mistakes]}, 422)


def _count(request: Request, code: str) -> None:
    counts: Counts | None = request.scope.get("counts")
    if counts is not None:
        counts.error(code)
