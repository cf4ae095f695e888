"""Conversations with a server as text: read from a file, and held with a running server.

    == step after done
    why: an answer could be tried again until it is right
    > {"type":"reset","data":{"split":"test","index":3}}
    < {"type":"observation","data":{...}}
    > {"type":"state"}
    openenv< {"type":"state","data":{...}}
    ours< {"type":"error","data":{...}}
    ours= closed 1013

``>`` is sent, ``<`` is what comes back; a name before either binds it to one server. ``> GET /path`` and ``> POST
/path body`` are HTTP requests, answered by a status and a body; anything else is a frame on one WebSocket, whose path
may be given first by ``> connect /ws?query``. ``> binary ...`` is a binary frame and ``<<x*3>>`` stands for ``xxx``.
``=`` says how a WebSocket ends, ``open`` if it is not said: after the last answer nothing else may come.

What differs at every turn is left out of what comes back: ids of errors, the id of a session that a reset over HTTP
began (which OpenEnv's server does not have), and what pydantic repeats of the input.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

_LINE = re.compile(r"(?P<server>\w+)?(?P<kind>[<>=]) ?(?P<text>.*)", re.DOTALL)
_REPEAT = re.compile(r"<<(.)\*(\d+)>>")
_REQUEST = re.compile(r"(GET|HEAD|POST|PUT|DELETE|OPTIONS) (\S+) ?(.*)", re.DOTALL)
_PROBE = '{"type":"state"}'
_WAIT_S = 30

# Each request on a connection of its own: after an error OpenEnv's server closes it without saying so.
_http = httpx.Client(timeout=_WAIT_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation.

    Attributes:
        name: What it shows.
        why: Why the servers differ; empty where they do not.
        lines: (server or None, one of ``<>=``, text) in order.
    """

    name: str
    why: str
    lines: tuple[tuple[str | None, str, str], ...]

    def script(self, server: str) -> list[tuple[str, str]]:
        """The lines for one server."""
        return [(kind, text) for bound, kind, text in self.lines if bound in (None, server)]

    def expected(self, server: str) -> list[Any]:
        """What comes back from one server, the end included."""
        script = self.script(server)
        replies = [_expected(text) for kind, text in script if kind == "<"]
        if any(kind == ">" and _REQUEST.match(text) for kind, text in script):
            return replies
        return [*replies, next((text for kind, text in script if kind == "="), "open")]

    def said(self, server: str) -> str:
        """The one answer of a transcript in which nothing is sent: what a test of its own looks for."""
        (text,) = [text for kind, text in self.script(server) if kind == "<"]
        return text


def read_transcripts(path: Path) -> list[Transcript]:
    """All conversations of a file."""
    found = []
    for block in re.split(r"^== ", path.read_text(), flags=re.MULTILINE)[1:]:
        name, *rest = block.rstrip("\n").split("\n")
        why, lines = "", []
        for line in rest:
            if line.startswith("why: "):
                why = line.removeprefix("why: ")
            elif line and not line.startswith("#"):
                match = _LINE.fullmatch(line)
                assert match, f"{path.name}: {name}: {line!r} is neither sent nor received"
                lines.append((match["server"], match["kind"], match["text"]))
        found.append(Transcript(name, why, tuple(lines)))
    return found


def hold(transcript: Transcript, server: str, url: str) -> list[Any]:
    """Hold a conversation with the server at ``url``; what came back, to compare with ``expected``."""
    script = transcript.script(server)
    first = script[0][1]
    if _REQUEST.match(first):
        return [_requested(url, text) for kind, text in script if kind == ">"]
    path = "/ws"
    if first.startswith("connect "):
        path, script = first.removeprefix("connect "), script[1:]
    with connect(url.replace("http", "ws") + path, max_size=None) as websocket:
        return _conversed(websocket, script)


def _conversed(websocket: ClientConnection, script: list[tuple[str, str]]) -> list[Any]:
    replies: list[Any] = []
    try:
        for kind, text in script:
            if kind == ">":
                sent = _repeated(text)
                binary = sent.startswith("binary ")
                websocket.send(sent.removeprefix("binary ").encode() if binary else sent)
            elif kind == "<":
                replies.append(plain(websocket.recv(timeout=_WAIT_S)))
        # Whether a session is open is seen by using it; an answer too many would come before this one's.
        websocket.send(_PROBE)
        last = plain(websocket.recv(timeout=_WAIT_S))
    except ConnectionClosed as exc:
        return [*replies, f"closed {exc.rcvd.code if exc.rcvd else 1006}"]
    return [*replies, "open"] if last["type"] == "state" else [*replies, last]


def _requested(url: str, text: str) -> tuple[int, Any]:
    method, path, body = _REQUEST.fullmatch(_repeated(text)).groups()  # type: ignore[union-attr]
    headers = {"content-type": "application/json"} if body else None
    response = _http.request(method, url + path, content=body.encode() or None, headers=headers)
    is_json = response.headers.get("content-type", "").startswith("application/json") and response.content
    return response.status_code, plain(response.text) if is_json else response.text


def _repeated(text: str) -> str:
    return _REPEAT.sub(lambda match: match[1] * int(match[2]), text)


def _expected(text: str) -> Any:
    status, _, body = text.partition(" ")
    if not status.isdigit():
        return json.loads(text)
    return int(status), json.loads(body) if body[:1] in ("{", "[") else body


def plain(text: str | bytes) -> Any:
    """A reply without what may differ at every turn."""
    return _plain(json.loads(text))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if {"type", "loc", "msg"} <= value.keys():
        return {key: value[key] for key in ("type", "loc", "msg")}
    return {key: _LEFT_OUT.get(key, _plain)(each) for key, each in value.items() if key != "session_id"}


def _message(value: Any) -> Any:
    if isinstance(value, str) and "validation error" in value:
        return "Invalid request: …"
    return "…" if isinstance(value, str) and "surrogates not allowed" in value else value


_LEFT_OUT = {"error_id": lambda _: "…", "message": _message}
