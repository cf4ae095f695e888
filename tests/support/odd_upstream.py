"""An OpenEnv server that misbehaves as a script says: what it answers over HTTP, and to each frame."""

import asyncio
import contextlib
import http
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from websockets.asyncio.server import Request, Response, Server, ServerConnection, serve

SCHEMA = {"title": "Odd", "type": "object", "properties": {}}
SCHEMAS = {"action": SCHEMA, "observation": SCHEMA, "state": SCHEMA}

Answer = str | bytes | dict[str, Any] | None


class OddUpstream:
    """A server on loopback.

    Args:
        frame: What is sent for a frame, given the connection's number and the frame: None closes the connection, and
            a tuple is sent as several frames.

    Attributes:
        pages: What HTTP answers by path: a status and a body; the usual ones of OpenEnv at first.
        url: Where it is.
        headers: Those of every request.
        connections: How many WebSockets there were.
    """

    def __init__(self, frame: Callable[[int, dict[str, Any]], Any]) -> None:
        self._frame = frame
        self.pages: dict[str, tuple[int, str]] = {
            "/health": (200, '{"status":"healthy"}'),
            "/schema": (200, json.dumps(SCHEMAS)),
            "/metadata": (200, '{"name":"Odd"}'),
        }
        self.url = ""
        self.headers: list[Any] = []
        self.connections = 0

    def _page(self, connection: ServerConnection, request: Request) -> Response | None:
        self.headers.append(request.headers)
        if request.path not in self.pages:
            return None
        status, body = self.pages[request.path]
        response = connection.respond(http.HTTPStatus(status), body)
        if 300 <= status < 400:
            response.headers["Location"] = body
        return response

    async def _talk(self, connection: ServerConnection) -> None:
        number = self.connections
        self.connections += 1
        async for text in connection:
            frame = json.loads(text)
            if frame["type"] == "close":
                return
            answers = self._frame(number, frame)
            for answer in answers if isinstance(answers, tuple) else (answers,):
                if answer is None:
                    return
                await connection.send(json.dumps(answer) if isinstance(answer, dict) else answer)

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[Server]:
        async with serve(self._talk, "127.0.0.1", 0, process_request=self._page, max_size=None) as server:
            yield server

    @contextlib.contextmanager
    def serving(self) -> Iterator["OddUpstream"]:
        """Serve on a thread of its own."""
        started, ended = threading.Event(), asyncio.Event()
        loop = asyncio.new_event_loop()

        async def run() -> None:
            async with self._serving() as server:
                (listener,) = server.sockets
                assert listener.family == socket.AF_INET
                self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                started.set()
                await ended.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
        thread.start()
        try:
            assert started.wait(30)
            yield self
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join(timeout=30)
            loop.close()


def shown(question: Any, *, reward: float | None = None, done: bool = False) -> dict[str, Any]:
    """An observation's frame."""
    return {"type": "observation", "data": {"observation": {"question": question}, "reward": reward, "done": done}}


def failed(code: str, message: str = "it failed") -> dict[str, Any]:
    """An error's frame."""
    return {"type": "error", "data": {"message": message, "code": code}}


STATE = {"type": "state", "data": {"step_count": 0}}


def honest(_number: int, frame: dict[str, Any]) -> Any:
    """Plays what it is given."""
    if frame["type"] == "reset":
        return shown(frame["data"].get("question"))
    if frame["type"] == "step":
        return shown(None, reward=1.0, done=True)
    return STATE
