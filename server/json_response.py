"""JSON answers over HTTP, in the same wire form as the WebSocket's frames."""

from collections.abc import Mapping
from typing import Any, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from openenv_tasksets.server.errors import wire_error
from openenv_tasksets.server.wire import encode_json


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with ``value`` as its body and further headers.

    Raises:
        EnvironmentFailed: A value has no JSON form.
    """
    return Response(encode_json(value), status_code=status, headers=headers, media_type="application/json")


async def error_response(_request: Request, exc: Exception) -> Response:
    """What an exception is over HTTP; see ``openenv_tasksets.server.errors``."""
    error = wire_error(exc)
    return json_response(error.http_body(), error.status, error.http_headers())


async def bad_request(_request: Request, exc: Exception) -> Response:
    """What is wrong with a request's body or path, without repeating it."""
    mistakes = cast(RequestValidationError, exc).errors()
    return json_response({"detail": [{key: each[key] for key in ("type", "loc", "msg")} for each in mistakes]}, 422)
