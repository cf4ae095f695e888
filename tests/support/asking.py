"""Short words for tests that talk to a server over WebSocket or HTTP, and wait for what becomes of it."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

WAIT_S = 90
HTTP = httpx.Client(timeout=WAIT_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
"""Has a connection of its own for each request, as ``httpx.get`` has, and more patience."""


def open_session(url: str, query: str = "", **settings: Any) -> ClientConnection:
    """A connection to ``/ws`` of the server at ``url``."""
    return connect(url.replace("http", "ws", 1) + "/ws" + query, max_size=None, **settings)


def open_raw(url: str, source: str = "127.0.0.1", timeout: float = WAIT_S) -> socket.socket:
    """A connection without a word, from an address of this machine."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=timeout, source_address=(source, 0))


def send(websocket: ClientConnection, kind: str, data: Any = None) -> None:
    """Send a frame, which without data has none."""
    websocket.send(json.dumps({"type": kind} if data is None else {"type": kind, "data": data}))


def receive(websocket: ClientConnection, timeout: float = WAIT_S) -> Any:
    """The next frame; AssertionError where none comes in time or the server closes."""
    try:
        return json.loads(websocket.recv(timeout=timeout))
    except TimeoutError:
        raise AssertionError("no answer") from None
    except ConnectionClosed as exc:
        raise AssertionError(f"closed instead of an answer: {exc}") from None


def ask(websocket: ClientConnection, kind: str, data: Any = None) -> Any:
    """Send a frame and receive the next."""
    send(websocket, kind, data)
    return receive(websocket)


@contextmanager
def taken_up(url: str, session_id: str) -> Iterator[ClientConnection]:
    """A connection to a session whose last one broke, once the server has seen that it did."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        with open_session(url, f"?session_id={session_id}") as websocket:
            if _has_session(websocket):
                yield websocket
                return
        time.sleep(0.01)
    raise AssertionError("the session is not taken up")


def admitted(url: str) -> bool:
    """Whether a new session is."""
    with open_session(url) as websocket:
        return _has_session(websocket)


def _has_session(websocket: ClientConnection) -> bool:
    try:
        return bool(ask(websocket, "state")["type"] == "state")
    except (AssertionError, ConnectionClosed):
        return False


def close_code(websocket: ClientConnection) -> int:
    """With which code the server closes; an answer instead is an AssertionError."""
    try:
        answer = websocket.recv(timeout=WAIT_S)
    except ConnectionClosed as exc:
        return exc.rcvd.code if exc.rcvd else 1006
    except TimeoutError:
        raise AssertionError("still open") from None
    raise AssertionError(f"still open: {answer!r}")


def ended(websocket: ClientConnection) -> tuple[Any, int]:
    """The error that came last, and the close code."""
    last = receive(websocket)
    assert last["type"] == "error", last
    return last["data"], close_code(websocket)


def eventually(holds: Callable[[], bool], within_s: float = WAIT_S) -> bool:
    """Whether it comes to hold."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.01)
    return holds()


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop go on until it holds; AssertionError where it does not come to."""
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.01)
