"""A request and its answer, free of sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback_hub.accounts import Account
from loopback_hub.errors import HubError
from loopback_hub.request_log import Origin


@dataclass(frozen=True)
class Request:
    """One request, read whole.

    Attributes:
        target: Path and query as they were sent, percent-encoded.
        host: The ``Host`` header, which answers build their links from.
        headers: Names in lower case.
        account: Whose token came with it, None for anonymous.
    """

    origin: Origin
    method: str
    target: str
    host: str
    headers: Mapping[str, str]
    body: bytes
    account: Account | None = None

    @property
    def path(self) -> str:
        """The target without its query, percent-encoded."""
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The decoded query."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The decoded body of an HTML form."""
        return parse_qs(self.body.decode(), keep_blank_values=True)

    def flag(self, name: str) -> bool:
        """Whether a query parameter is there and true."""
        return self.query.get(name, ["false"])[-1].lower() in ("1", "true")

    @property
    def endpoint(self) -> str:
        """The server's address as the client wrote it."""
        return f"http://{self.host}"

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            HubError: 400, it is not one.
        """
        try:
            loaded = json.loads(self.body or b"{}")
        except ValueError as exc:
            raise HubError(400, f"Invalid JSON: {exc}") from exc
        if not isinstance(loaded, dict):
            raise HubError(400, "Invalid JSON: not an object")
        return loaded


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | memoryview = b""


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose body is JSON."""
    body = json.dumps(value).encode()
    return Response(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body)


def error_response(error: HubError) -> Response:
    """The answer to a request that is refused."""
    headers = {"X-Error-Message": error.message.replace("\n", " "), **error.headers}
    if error.code is not None:
        headers["X-Error-Code"] = error.code
    return json_response({"error": error.message}, error.status, headers)
