"""The load: raw sockets in one process, each busy with ready-made frames or requests, one at a time.

A client library would cost more than a fast server does. What this costs is measured with the rest.
"""

import base64
import json
import os
import resource
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from environments import ROWS

RECEIVE_BYTES = 1 << 16
_KEY = os.urandom(4)


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it.

    Attributes:
        count: Episodes, requests or sessions.
        seconds: How long it took.
        client_cpu: Seconds of this process's processor time meanwhile.
        p50: Of the first request of each, in milliseconds.
        p99: The same.
    """

    count: int
    seconds: float
    client_cpu: float
    p50: float = 0.0
    p99: float = 0.0


def frame(kind: str, data: dict[str, object] | None = None) -> bytes:
    """A masked text frame."""
    payload = json.dumps({"type": kind} if data is None else {"type": kind, "data": data}).replace(" ", "").encode()
    assert len(payload) < 126, "one byte of length"  # noqa: S101
    masked = bytes(byte ^ _KEY[place % 4] for place, byte in enumerate(payload))
    return bytes((0x81, 0x80 | len(payload))) + _KEY + masked


RESETS = [frame("reset", {"seed": seed}) for seed in range(ROWS)]
STEP = frame("step", {"answer": "1"})
STATE = frame("state")
POSTS = [
    f"POST /reset HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    for body in (f'{{"seed":{seed}}}' for seed in range(ROWS))
]
HTTP_RESETS = [post.encode() for post in POSTS]


def connected(port: int) -> socket.socket:
    """A connection, which must be a WebSocket's yet."""
    found = socket.create_connection(("127.0.0.1", port), timeout=30)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def ask_upgrade(connection: socket.socket) -> None:
    """Send the opening handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )


def check_upgrade(connection: socket.socket) -> None:
    """Read the answer of the opening handshake; nothing may come behind it."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        part = connection.recv(RECEIVE_BYTES)
        if not part:
            raise SystemExit("closed in the handshake")
        answer += part
    if not answer.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"no WebSocket: {answer!r}")


def whole_frame(data: bytes) -> bool:
    """Whether these are one text frame of an observation or a state, and all of it."""
    if len(data) < 10:
        return False
    if data[0] != 0x81:
        raise SystemExit(f"no text frame: {data[:80]!r}")
    length, head = data[1], 2
    if length == 126:
        (length,) = struct.unpack_from("!H", data, 2)
        head = 4
    if len(data) < head + length:
        return False
    start = data[head : head + 30]
    if b'"observation"' not in start and b'"state"' not in start:
        raise SystemExit(f"not what was asked for: {data[:300]!r}")
    return len(data) == head + length


def whole_response(data: bytes) -> bool:
    """Whether these are one HTTP response of status 200, and all of it."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"not what was asked for: {data[:300]!r}")
    return len(body) == int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


class Player:
    """One session or connection: asks, waits for the whole answer, asks again."""

    __slots__ = ("buffer", "connection", "first_sent", "place", "step_is_next")

    def __init__(self, connection: socket.socket, place: int) -> None:
        self.connection = connection
        self.place = place
        self.buffer = b""
        self.first_sent = 0.0
        self.step_is_next = False

    def received(self, whole: Callable[[bytes], bool]) -> bool:
        """Read what there is; whether that is all of the answer."""
        data = self.connection.recv(RECEIVE_BYTES)
        if not data:
            raise SystemExit("closed by the server")
        if self.buffer:
            data = self.buffer + data
        if not whole(data):
            self.buffer = data
            return False
        self.buffer = b""
        return True


def play(port: int, sessions: int, seconds: float, *, over_http: bool = False) -> Load:
    """Episodes of so many sessions over ``/ws``, or POSTs to ``/reset`` over so many connections."""
    firsts, then = (HTTP_RESETS, None) if over_http else (RESETS, STEP)
    whole = whole_response if over_http else whole_frame
    poll, players = _players(port, sessions, over_http=over_http)
    waits: list[float] = []
    count = 0
    cpu, began = time.process_time(), time.perf_counter()
    for player in players.values():
        player.first_sent = time.perf_counter()
        player.connection.send(firsts[player.place % ROWS])
    now = began
    while now < began + seconds:
        for number, _ in poll.poll(1.0):
            player = players[number]
            if not player.received(whole):
                continue
            now = time.perf_counter()
            if not player.step_is_next:
                waits.append(now - player.first_sent)
                if then is not None:
                    player.step_is_next = True
                    player.connection.send(then)
                    continue
            player.step_is_next = False
            count += 1
            player.place += 1
            player.first_sent = now
            player.connection.send(firsts[player.place % ROWS])
        now = time.perf_counter()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    for player in players.values():
        player.connection.close()
    waits.sort()
    last = len(waits) - 1
    return Load(count, wall, cpu, waits[last // 2] * 1e3, waits[last * 99 // 100] * 1e3)


def _players(port: int, sessions: int, *, over_http: bool) -> tuple[select.epoll, dict[int, Player]]:
    """Players on open connections, by file descriptor, and what tells when one may read."""
    poll, players = select.epoll(), {}
    for number in range(sessions):
        connection = connected(port)
        if not over_http:
            ask_upgrade(connection)
            check_upgrade(connection)
        # Far from each other in the rows.
        players[connection.fileno()] = Player(connection, number * 7919)
        poll.register(connection, select.EPOLLIN)
    return poll, players


def open_many(port: int, sessions: int, at_once: int = 50) -> tuple[Load, list[socket.socket]]:
    """Open sessions, so many at a time, until each has answered; each then plays one episode and stays."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    found: list[socket.socket] = []
    cpu, began = time.process_time(), time.perf_counter()
    while len(found) < sessions:
        batch = [connected(port) for _ in range(min(at_once, sessions - len(found)))]
        for connection in batch:
            ask_upgrade(connection)
        for connection in batch:
            check_upgrade(connection)
            connection.sendall(STATE)
        for connection in batch:
            _answered(connection)
        found += batch
    load = Load(sessions, time.perf_counter() - began, time.process_time() - cpu)
    for number, connection in enumerate(found):
        for sent in (RESETS[number % ROWS], STEP):
            connection.sendall(sent)
            _answered(connection)
    return load, found


def _answered(connection: socket.socket) -> None:
    data = b""
    while not whole_frame(data):
        part = connection.recv(RECEIVE_BYTES)
        if not part:
            raise SystemExit("closed by the server")
        data += part


def main(arguments: list[str]) -> None:
    """``play PORT SESSIONS SECONDS``, ``http PORT CONNECTIONS SECONDS`` or ``open PORT SESSIONS``; JSON on stdout.

    ``open`` keeps the sessions until a line comes on stdin.
    """
    what, port, count = arguments[0], int(arguments[1]), int(arguments[2])
    if what == "open":
        load, held = open_many(port, count)
        print(json.dumps(asdict(load)), flush=True)
        input()
        for connection in held:
            connection.close()
    else:
        load = play(port, count, float(arguments[3]), over_http=what == "http")
        print(json.dumps(asdict(load)), flush=True)
