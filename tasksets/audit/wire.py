"""The audit's own client: what a server answers, byte for byte, on every channel, and nothing kept from it."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from openenv_tasksets.loaders.errors import EnvironmentFailed

ANSWER_TIMEOUT_S = 600.0

# A slot is free again a moment after its session was closed.
_FULL = "Server at capacity"
_RETRY_S = 0.02
_MOST_TRIES = 500


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer.

    Attributes:
        channel: How it was had, as in ``reset`` or ``POST /quiz/task``; an error's ends in ``, error``.
        text: All of it.
    """

    channel: str
    text: str

    @property
    def json(self) -> Any:
        """The answer decoded; None where it is not JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def says(self, message: str) -> bool:
        """Whether it is an error with this message."""
        return self.channel.endswith(", error") and message in self.text


class Wire:
    """One server; everything that it answers is added to ``heard``.

    Args:
        url: ``http://host:port`` of loopback.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.heard: list[Heard] = []

    def get(self, path: str) -> Heard:
        """GET ``path``."""
        return self._request("GET", path, None)

    def post(self, path: str, body: Any) -> Heard:
        """POST JSON to ``path``."""
        return self._request("POST", path, json.dumps(body).encode())

    @contextmanager
    def connect(self) -> Iterator["Connection"]:
        """A session of its own, for as long as a ``with`` lasts."""
        url = f"ws{self._url.removeprefix('http')}/ws"
        for tries_left in range(_MOST_TRIES, -1, -1):
            with connect(url, max_size=None, compression=None, proxy=None) as socket:
                connection = Connection(socket, self.heard)
                # Nothing greets a client: a server that is full says so in its first answer.
                if not (connection.ask("state").says(_FULL) and tries_left):
                    yield connection
                    return
            time.sleep(_RETRY_S)

    def _request(self, method: str, path: str, body: bytes | None) -> Heard:
        for _ in range(_MOST_TRIES):
            heard = self._request_once(method, path, body)
            if not heard.says(_FULL):
                break
            time.sleep(_RETRY_S)
        return heard

    def _request_once(self, method: str, path: str, body: bytes | None) -> Heard:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            text = f"{answer.headers}{answer.read().decode(errors='replace')}"
        finally:
            connection.close()
        # Headers are scanned too, but they are no part of the JSON.
        self.heard.append(Heard(f"{method} {path}" + (", error" if answer.status >= 400 else ""), text))
        return Heard(self.heard[-1].channel, text.partition("\n\n")[2])


class Connection:
    """One session over a WebSocket."""

    def __init__(self, socket: ClientConnection, heard: list[Heard]) -> None:
        self._socket = socket
        self._heard = heard
        self._said = ""

    def ask(self, kind: str, data: Mapping[str, Any] | None = None) -> Heard:
        """Send a frame and give the answer.

        Raises:
            EnvironmentFailed: The server closed the session.
        """
        return self.send(json.dumps({"type": kind} if data is None else {"type": kind, "data": data}), kind)

    def send(self, frame: str, channel: str) -> Heard:
        """Send text, whatever it is, and give the answer."""
        try:
            # What the server said before it closed is still to be read.
            with suppress(ConnectionClosed):
                self._socket.send(frame)
            text = self._socket.recv(ANSWER_TIMEOUT_S)
        except ConnectionClosed as exc:
            raise EnvironmentFailed(f"the server closed the session on {channel}{self._said}") from exc
        except TimeoutError as exc:
            raise EnvironmentFailed(f"no answer to {channel} within {ANSWER_TIMEOUT_S:g} s") from exc
        text = text if isinstance(text, str) else text.decode(errors="replace")
        answer = Heard(channel, text).json
        is_error = answer["type"] == "error"
        self._said = f"; before that it said: {answer['data']['message']}" if is_error else ""
        self._heard.append(Heard(channel + (", error" if is_error else ""), text))
        return self._heard[-1]
