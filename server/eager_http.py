"""HTTP requests that are answered before uvicorn makes a task for them: the whole way through ASGI costs as much again.

uvicorn parses; what it would do with a request is done here once all of it has come, if the server's entrance knows
an answer that needs no waiting. Everything else goes uvicorn's own way.
"""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl

from openenv_tasksets.server.eager import run_eagerly
from openenv_tasksets.server.fast_http import FastHttp, send_answer
from openenv_tasksets.server.http_episode import Answer

_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}


class EagerHttp(asyncio.Protocol):
    """Before uvicorn's protocol class on httptools, of which the attributes are; before its other one it does nothing.

    Attributes:
        entrance: Knows answers; None where every request goes through ASGI.
    """

    entrance: FastHttp | None
    transport: asyncio.Transport
    flow: FlowControl

    _in_data = False
    _held: Any = None

    def data_received(self, data: bytes) -> None:
        """A piece of a request, or of several."""
        self._in_data = True
        super().data_received(data)
        self._in_data = False
        if self._held is not None:
            (cycle, app), self._held = self._held, None
            # A connection that closes, since garbage came behind the request, has no place for an answer.
            if not (self.transport.is_closing() or self._answer_at_once(cycle)):
                self._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        # The body comes after this, mostly in the same piece.
        if self._in_data:
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)  # type: ignore[misc]  # uvicorn's

    def _answer_at_once(self, cycle: Any) -> bool:
        """Whether the request is answered, or will be."""
        if self.entrance is None or cycle.more_body or cycle.waiting_for_100_continue or self.flow.write_paused:
            return False
        work = self.entrance.work(cycle.scope, bytes(cycle.body), cycle.receive)
        if work is None:
            return False
        answer = run_eagerly(work, asyncio.get_running_loop().create_task)
        if isinstance(answer, asyncio.Task):
            self._start_asgi_task(cycle, partial(_finish, answer))
        elif answer is not None:
            self._write(cycle, answer)
        return True

    def _write(self, cycle: Any, answer: Answer) -> None:
        lines = [_STATUS_LINES[answer.status]]
        lines += [b"%b: %b\r\n" % header for header in (*cycle.default_headers, *answer.header_fields())]
        lines += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", answer.body)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join(lines))
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()


async def _finish(answer: "asyncio.Task[Answer | None]", _scope: Scope, _receive: Receive, send: Send) -> None:
    found = await answer
    if found is not None:
        await send_answer(send, found)
