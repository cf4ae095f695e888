"""How many connections there may be, and how long a request may take to arrive.

uvicorn bounds neither: a connection that never sends a whole request would stay for ever.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from openenv_tasksets.server.eager_http import EagerHttp
from openenv_tasksets.server.fast_http import FastHttp

DEFAULT_MAX_CONNECTIONS = 4096
DEFAULT_HEADER_SECONDS = 10.0
DEFAULT_REQUEST_SECONDS = 60.0
_REFUSED_SECONDS = 1.0
_PHRASES = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Of a server.

    Attributes:
        most: Connections at once, WebSockets among them, >= 1.
        most_of_address: Those that come from one address, >= 1; None is any number.
        header_seconds: Until a request's headers must have come, from connecting or from its first byte, > 0.
        request_seconds: Until all of its body must have come, from then on, > 0.
        header_bytes: How long the headers may be at most, >= 1, give or take what is read at once.
    """

    most: int = DEFAULT_MAX_CONNECTIONS
    most_of_address: int | None = None
    header_seconds: float = DEFAULT_HEADER_SECONDS
    request_seconds: float = DEFAULT_REQUEST_SECONDS
    header_bytes: int = 2**16


def limited_http(limits: ConnectionLimits, entrance: FastHttp | None = None) -> type[asyncio.Protocol]:
    """The class to give to uvicorn as ``http``.

    Args:
        limits: Of its connections.
        entrance: As in ``EagerHttp``.
    """
    members = {"limits": limits, "of_addresses": Counter(), "entrance": entrance}
    return cast("type[asyncio.Protocol]", type("LimitedHttp", (EagerHttp, _LimitedHttp, AutoHTTPProtocol), members))


class _LimitedHttp(asyncio.Protocol):
    """Before one of uvicorn's protocol classes, of which these attributes are.

    It only looks at where that one stands after each piece of data: waiting for headers, for a body or for an answer.
    """

    limits: ConnectionLimits
    of_addresses: Counter[str]
    transport: asyncio.Transport
    connections: set[Any]
    cycle: Any
    parser: Any

    _begun: int
    _is_between: bool
    _body_of: Any = None
    """The request whose body is coming."""
    _timer: asyncio.TimerHandle | None = None
    _awaited = ""
    _address = ""
    _header_size = 0
    _refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One connection more."""
        super().connection_made(transport)
        limits = self.limits
        if limits.most_of_address is not None:
            self._address = str((transport.get_extra_info("peername") or ("",))[0])
            self.of_addresses[self._address] += 1
        if len(self.connections) > limits.most:
            self._refuse(f"the server has {limits.most} connections, and takes no more")
        elif limits.most_of_address is not None and self.of_addresses[self._address] > limits.most_of_address:
            self._refuse(f"this address has {limits.most_of_address} connections, and may have no more")
        else:
            self._await("headers")

    def _refuse(self, detail: str) -> None:
        self._refused = True
        self._say(503, "CAPACITY_REACHED", detail)
        # What the client sends is read before this side closes: else it might not get to read the answer.
        self._timer = asyncio.get_running_loop().call_later(_REFUSED_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        """A piece of a request, or of several."""
        if self._refused:
            self.transport.close()
            return
        super().data_received(data)
        protocol = self.transport.get_protocol()
        if protocol is not self:
            # It and this object refer to each other: only the garbage collector would free them.
            self.parser = None
        if protocol is not self or self.transport.is_closing():
            self._await("")
            self._follow(protocol)
        elif self.cycle is None or self.cycle.response_complete:
            if self._is_answered_early:
                # The rest of its body is read, though for nobody: else the client might not get to the answer.
                if not (self._is_between or self._begun):
                    return
                self._body_of, data = None, b""
            self._header_size += len(data)
            self._await("headers")
            if self._header_size > self.limits.header_bytes:
                self._end(431, "MESSAGE_TOO_LARGE", f"the headers are longer than {self.limits.header_bytes} bytes")
        else:
            self._header_size = 0
            self._body_of = self.cycle if self.cycle.more_body else None
            self._await("body" if self.cycle.more_body else "")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._await("")
        self._forget()
        super().connection_lost(exc)

    def _follow(self, other: Any) -> None:
        """Learn of the connection's end from the protocol that it was upgraded to."""
        if other is self or other is None or not self._address:
            return
        ends = other.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            self._forget()
            ends(exc)

        other.connection_lost = connection_lost

    def _forget(self) -> None:
        if self._address:
            self.of_addresses[self._address] -= 1
            if not self.of_addresses[self._address]:
                del self.of_addresses[self._address]
            self._address = ""

    @property
    def _is_answered_early(self) -> bool:
        """Whether a request has its answer already, as one that is too large, and its body may still be coming."""
        return self._body_of is not None and self.cycle is self._body_of and bool(self.cycle.response_complete)

    def _await(self, what: str) -> None:
        """Wait for headers, a body or nothing; to go on waiting for the same gives no more time."""
        if what == self._awaited:
            return
        self._awaited = what
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if what:
            seconds = self.limits.header_seconds if what == "headers" else self.limits.request_seconds
            self._timer = asyncio.get_running_loop().call_later(seconds, self._too_slow, what, seconds)

    def _too_slow(self, what: str, seconds: float) -> None:
        self._end(408, "TIME_EXCEEDED", f"the request's {what} did not come within {seconds:g} s")

    def _end(self, status: int, code: str, detail: str) -> None:
        self._await("")
        is_new = self.cycle is None or (self.cycle.response_complete and not self._is_answered_early)
        if is_new or not self.cycle.response_started:
            self._say(status, code, detail)
        self.transport.close()

    def _say(self, status: int, code: str, detail: str) -> None:
        body = msgspec.json.encode({"detail": detail, "code": code})
        retry = "retry-after: 1\r\n" if status == 503 else ""
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
