"""The servers that are compared. Each runs in a process of its own, which prints its port before it listens."""

import asyncio
import base64
import hashlib
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from environments import PROMPT_BYTES, PlainSums, declaration, openenv_sums, rows

SESSIONS = 2048
PEER = "openenv"


def tasks(folder: str | None, times: int) -> Any:
    """The tasks of a folder, or the ten thousand rows in memory, so many times over."""
    from openenv_tasksets.open_taskset import open_taskset
    from openenv_tasksets.taskset import Taskset

    return Taskset.from_rows(rows() * times, declaration()) if folder is None else open_taskset(folder)


def serve_openenv(taskset: Any, loop: str = "asyncio", http: str = "h11") -> None:
    """OpenEnv's server with its defaults; our mixin selects the rows.

    Args:
        taskset: The tasks.
        loop: The event loop. Installing OpenEnv installs plain uvicorn, which then has asyncio's and parses with h11;
            here, what we depend on would be picked up too.
        http: The parser.
    """
    import uvicorn
    from openenv.core.env_server import create_app

    from openenv_tasksets.mixin import bind_environment

    environment, action, observation = openenv_sums()
    bound = bind_environment(environment, taskset)
    app = create_app(bound, action, observation, env_name="sums", max_concurrent_envs=SESSIONS)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, loop=loop, http=http, log_level="critical", access_log=False)).run(
            sockets=[listener]
        )


def serve_ours(taskset: Any, environment: type[Any], transport: Any = "fast", blocking: Any = None) -> None:
    """Our server, as the command serves."""
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host, HostSettings
    from openenv_tasksets.server.serve import serve

    app = create_app([Host(taskset, environment, settings=HostSettings(max_sessions=SESSIONS, blocking=blocking))])
    serve(
        app,
        host="127.0.0.1",
        port=0,
        on_ready=lambda url: print(urlsplit(url).port, flush=True),
        transport=transport,
    )


def serve_canned() -> None:
    """Answers that are ready: what Python, its event loop and the kernel cost alone."""
    import uvloop

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0, backlog=2048)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    uvloop.run(run())


def _text_frame(value: Any) -> bytes:
    payload = json.dumps(value, separators=(",", ":")).encode()
    short = len(payload) < 126
    return (bytes((0x81, len(payload))) if short else b"\x81\x7e" + len(payload).to_bytes(2, "big")) + payload


def _observation(observation: dict[str, Any], reward: float | None) -> dict[str, Any]:
    return {"observation": observation, "reward": reward, "done": reward is not None}


_RESET = _observation({"metadata": {}, "question": "." * PROMPT_BYTES}, None)
_BODY = json.dumps(_RESET).encode()
_HTTP = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
# By the first letter in which the types of frames differ: reSet, stEp, stAte.
_ANSWERS = {
    ord("s"): _text_frame({"type": "observation", "data": _RESET}),
    ord("e"): _text_frame({"type": "observation", "data": _observation({"metadata": {}, "question": ""}, 1.0)}),
    ord("a"): _text_frame({"type": "state", "data": {"episode_id": None, "step_count": 0}}),
}
_LETTER = 11


def serve_canned_asgi() -> None:
    """The same answers to whole messages, through uvicorn's WebSockets and ASGI: what the plain transport stands on."""
    import uvicorn
    from uvloop import run

    texts = {letter: frame[2 if frame[1] < 126 else 4 :].decode() for letter, frame in _ANSWERS.items()}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await receive()
            head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": _BODY})
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": texts[ord(message["text"][_LETTER])]})

    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(
            app, ws="websockets-sansio", ws_per_message_deflate=False, lifespan="off", log_config=None, access_log=False
        )
        run(uvicorn.Server(config).serve(sockets=[listener]))


class Canned(asyncio.Protocol):
    """Answers whole frames of less than 126 bytes, and whole requests."""

    def __init__(self) -> None:
        self._upgraded = False

    def connection_made(self, transport: Any) -> None:
        """Remember whom to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        if self._upgraded:
            letter = data[6 + _LETTER] ^ data[2 + _LETTER % 4]
            self._transport.write(_ANSWERS[letter])
        elif data.startswith(b"GET /ws"):
            key = data.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
            digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
            self._upgraded = True
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
            )
        else:
            self._transport.write(_HTTP % (len(_BODY), _BODY))


SERVERS: dict[str, tuple[str, Callable[[str | None, int], None]]] = {
    PEER: (
        "OpenEnv's server, OpenEnv environment",
        lambda folder, times: serve_openenv(tasks(folder, times)),
    ),
    "openenv-uvloop": (
        "the same with uvloop and httptools",
        lambda folder, times: serve_openenv(tasks(folder, times), "uvloop", "httptools"),
    ),
    "thread": (
        "ours, the same environment in a thread",
        lambda folder, times: serve_ours(tasks(folder, times), openenv_sums()[0]),
    ),
    "pool": (
        "ours, the same environment in the pool",
        lambda folder, times: serve_ours(tasks(folder, times), openenv_sums()[0], blocking="pool"),
    ),
    "inline": (
        "ours, the same environment, not blocking",
        lambda folder, times: serve_ours(tasks(folder, times), openenv_sums()[0], blocking=False),
    ),
    "asgi": (
        "ours, plain environment, plain transport",
        lambda folder, times: serve_ours(tasks(folder, times), PlainSums, "plain"),
    ),
    "ours": (
        "ours, plain environment",
        lambda folder, times: serve_ours(tasks(folder, times), PlainSums),
    ),
    "canned-asgi": ("canned answers over ASGI", lambda folder, times: serve_canned_asgi()),  # noqa: ARG005
    "canned": ("canned answers", lambda folder, times: serve_canned()),  # noqa: ARG005
}
"""By key: what it is called in the tables, and how it is served from a folder, or from rows in memory."""
