"""HTTP requests that are answered before uvicorn makes a task for them: the whole way through ASGI costs as much again.

uvicorn parses; what it would do with a request is done here once all of it has come, if the server's entrance knows
an answer that needs no waiting. One that has the head of a request before it is not even parsed, which costs as much
as its answer. Everything else goes uvicorn's own way.
"""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.types import Message, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from openenv_tasksets.server.eager import run_eagerly
from openenv_tasksets.server.fast_http import Answers, FastHttp, send_answer
from openenv_tasksets.server.http_episode import Answer
from openenv_tasksets.server.known_head import KnownHead, request_line

_MOST_KNOWN = 4
"""Heads that are kept for a connection: there are three routes, and hardly ever two environments."""
_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}


class EagerHttp(asyncio.Protocol):
    """Before uvicorn's protocol class on httptools, of which the attributes are; before its other one it does nothing.

    Attributes:
        entrance: Knows answers; None where every request goes through ASGI.
    """

    entrance: FastHttp | None
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    server_state: ServerState
    cycle: Any
    timeout_keep_alive: float
    timeout_keep_alive_task: asyncio.TimerHandle | None

    _in_data = False
    _held: Any = None
    _begun = 0
    """Requests that began in the last piece that was parsed."""
    _is_between = True
    """Whether the parser has had whole requests only."""
    _answered_at = 0.0
    """When a request was last answered unparsed, on the loop's clock."""
    _default_headers: Any = None
    _default_lines = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One connection more."""
        self._known: dict[bytes, _Known] = {}
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """A piece of a request, or of several."""
        known = self._known.get(request_line(data)) if self._known and self._is_between else None
        found = None if known is None else self._recognise(data, known)
        if isinstance(found, Answer):
            self._write(found)
            self._answered_at = self.loop.time()
            self.server_state.total_requests += 1
            return
        was_between, self._begun = self._is_between, 0
        self._in_data = True
        super().data_received(data)
        self._in_data = False
        if self._held is None:
            return
        (cycle, app), self._held = self._held, None
        # A connection that closes, since garbage came behind the request, has no place for an answer.
        if self.transport.is_closing():
            return
        if found is not None and known is not None:
            # What was recognised has to be waited for.
            known.cycle = cycle
            self._start_asgi_task(cycle, partial(_finish, found))
        elif not self._answer_at_once(cycle, data if was_between and self._is_between and self._begun == 1 else b""):
            self._start_asgi_task(cycle, app)

    def on_message_begin(self) -> None:
        """The parser has the first byte of a request."""
        self._begun += 1
        self._is_between = False
        super().on_message_begin()  # type: ignore[misc]  # uvicorn's

    def on_message_complete(self) -> None:
        """The parser has a whole request."""
        self._is_between = True
        super().on_message_complete()  # type: ignore[misc]  # uvicorn's

    def timeout_keep_alive_handler(self) -> None:
        """For a while nothing was parsed."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()  # type: ignore[misc]  # uvicorn's

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        # The body comes after this, mostly in the same piece.
        if self._in_data:
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)  # type: ignore[misc]  # uvicorn's

    def _recognise(self, data: bytes, known: "_Known") -> "Answer | asyncio.Task[Answer | None] | None":
        """The answer to a request that has a known head, or what is to be waited for; None where it has none."""
        if not self.cycle.response_complete or self.flow.write_paused:
            return None
        body = known.head.body(data)
        work = None if body is None else known.answers(body, known.receive)
        return None if work is None else run_eagerly(work, self.loop.create_task)

    def _answer_at_once(self, cycle: Any, alone: bytes) -> bool:
        """Whether the request is answered, or will be.

        Args:
            cycle: uvicorn's, of the request.
            alone: The request's bytes, if nothing came with them.
        """
        if self.entrance is None or cycle.more_body or cycle.waiting_for_100_continue or self.flow.write_paused:
            return False
        answers, body = self.entrance.answers(cycle.scope), bytes(cycle.body)
        work = None if answers is None else answers(body, cycle.receive)
        if answers is None or work is None:
            return False
        answer = run_eagerly(work, self.loop.create_task)
        if isinstance(answer, asyncio.Task):
            self._start_asgi_task(cycle, partial(_finish, answer))
            return True
        cycle.response_started = cycle.response_complete = True
        if answer is not None:
            self._write(answer, b"" if cycle.keep_alive else b"connection: close\r\n")
        if cycle.keep_alive:
            self._remember(KnownHead.of(alone, body), request_line(alone), answers)
        else:
            self.transport.close()
        cycle.on_response()
        return True

    def _remember(self, head: KnownHead | None, line: bytes, answers: Answers) -> None:
        if head is not None and (line in self._known or len(self._known) < _MOST_KNOWN):
            self._known[line] = _Known(head, answers)

    def _write(self, answer: Answer, lines: bytes = b"") -> None:
        defaults = self.server_state.default_headers
        if defaults is not self._default_headers:  # once a second
            self._default_headers = defaults
            self._default_lines = b"".join(b"%b: %b\r\n" % header for header in defaults)
        start = _STATUS_LINES[answer.status]
        self.transport.write(
            b"%b%b%b%b\r\n%b" % (start, self._default_lines, answer.header_lines(), lines, answer.body)
        )


class _Known:
    """A head that a connection has had, and what answers requests with it."""

    __slots__ = ("answers", "cycle", "head")

    def __init__(self, head: KnownHead, answers: Answers) -> None:
        self.head = head
        self.answers = answers
        self.cycle: Any = None

    async def receive(self) -> Message:
        """The ASGI channel of a request that has to wait, which uvicorn has parsed by then."""
        message: Message = await self.cycle.receive()
        return message


async def _finish(answer: "asyncio.Task[Answer | None]", _scope: Scope, _receive: Any, send: Send) -> None:
    found = await answer
    if found is not None:
        await send_answer(send, found)
