"""/reset, /step, /state and /health without the framework, for requests that have nothing unusual about them.

Whatever is unusual, a mistake above all, is left to the application's own routes, which say what is wrong.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openenv_tasksets.episode import MAX_LABEL
from openenv_tasksets.server.access import TRAINER, AccessDenied, Caller, check, http_deed
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.http_episode import SESSION_HEADER, Answer, ClientGone, HttpEpisodes, error_answer
from openenv_tasksets.server.mcp_http import MCP_HEADERS, McpHttp, speaks_mcp

MAX_BODY_BYTES = 16 * 2**20

_SESSION_HEADER = SESSION_HEADER.encode()
_Handle = Callable[[bytes, "str | None", Receive, Caller], "Awaitable[Answer] | None"]
Work = Coroutine[Any, Any, "Answer | None"]
"""What gives an answer, or None if the client is gone."""
Answers = Callable[[bytes, Receive], "Work | None"]


class FastHttp:
    """An application's entrance for HTTP: refuses who may not ask and what is too large, answers the usual itself.

    Args:
        app: Answers everything else. Who asks is in its scope, as ``caller``.
        gate: Who may come in.
        episodes: Whose three paths are answered here, by the path before them (empty for the root).
        mcp: Who speaks the Model Context Protocol at ``/mcp``, by the path before it.
        counts: Those of the environments, by the path before their routes. Whose a request is, is in its scope, as
            ``counts``.
        healthy: Those before a ``/health`` that is answered here: where it depends on nothing but this process.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        episodes: Mapping[str, HttpEpisodes],
        mcp: Mapping[str, McpHttp],
        counts: Mapping[str, Counts],
        healthy: Collection[str],
    ) -> None:
        self._app = app
        self._gate = gate
        self._mcp = {f"{prefix}/mcp": each for prefix, each in mcp.items()}
        # The longest first: the root's is empty.
        self._counts = {f"{each}/": counts[each] for each in sorted(counts, key=len, reverse=True)}
        # Whoever asks for the server's health wants to know soon, however much else there is to do.
        self._handlers: dict[tuple[str, str], _Handle] = {("GET", f"{each}/health"): _health for each in healthy}
        for prefix, each in episodes.items():
            self._handlers["POST", f"{prefix}/reset"] = _reset(each)
            self._handlers["POST", f"{prefix}/step"] = _step(each)
            self._handlers["GET", f"{prefix}/state"] = _state(each)
        inline = tuple(f"{prefix}/" for prefix, each in episodes.items() if each.inline)
        self._inline = {
            key: handle for key, handle in self._handlers.items() if key[1].rpartition("/")[0] + "/" in inline
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head = _Head(scope["headers"])
        prefix = next((each for each in self._counts if scope["path"].startswith(each)), "/")
        counts = scope["counts"] = self._counts.get(prefix)
        try:
            caller = self._gate.admit(*map(head.get, (b"authorization", b"origin", b"host")))
            if caller is not TRAINER:
                check(caller, http_deed(scope["method"], scope["path"][len(prefix) - 1 :]))
        except AccessDenied as exc:
            await send_answer(send, error_answer(exc, counts))
            return
        scope["caller"] = caller
        if head.size > MAX_BODY_BYTES:
            await send_answer(send, _too_large(counts))
        elif scope["path"] in self._mcp and speaks_mcp(scope["method"], head.get(b"accept"), head.of_mcp):
            await self._mcp[scope["path"]](scope, receive, send)
        else:
            await self._answer(head, caller, scope, receive, send)

    async def _answer(self, head: "_Head", caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        handle = self._handlers.get((scope["method"], scope["path"]))
        if handle is None or scope["query_string"]:
            await self._app(scope, _limited(receive), send)
            return
        try:
            body = await _read_body(receive)
        except ClientGone:
            return
        if body is None:
            await send_answer(send, _too_large(scope["counts"]))
            return
        working = handle(body, head.session_id, receive, caller) if head.json or not body else None
        if working is None:
            await self._app(scope, _again(body, receive), send)
            return
        answer = await _answer_of(working)
        if answer is not None:
            await send_answer(send, answer)

    def answers(self, scope: Scope) -> "Answers | None":
        """What answers whole requests of an inline environment that have this scope; it may be run outside of any task.

        Returns:
            Called with a request's body and its channel, which gives no body any more. None where the application
            must be called, as where that itself gives None.
        """
        handle = self._inline.get((scope["method"], scope["path"]))
        if handle is None or scope["query_string"]:
            return None
        head = _Head(scope["headers"])
        try:
            caller = self._gate.admit(*map(head.get, (b"authorization", b"origin", b"host")))
        except AccessDenied:
            return None
        if caller is not TRAINER:
            return None
        json, session_id = head.json, head.session_id

        def answers(body: bytes, receive: Receive) -> "Work | None":
            if len(body) > MAX_BODY_BYTES or not (json or not body):
                return None
            working = handle(body, session_id, receive, TRAINER)
            return None if working is None else _answer_of(working)

        return answers


async def _answer_of(working: Awaitable[Answer]) -> Answer | None:
    try:
        return await working
    except ClientGone:
        return None
    except Exception as exc:  # noqa: BLE001 - told, and logged where nobody foresaw it
        return error_answer(exc)


def _reset(episodes: HttpEpisodes) -> _Handle:
    def handle(body: bytes, session_id: str | None, receive: Receive, _caller: Caller) -> Awaitable[Answer] | None:
        data = _decoded(body) if body else {}
        if data is None:
            return None
        seed, label, in_body = data.get("seed"), data.get("episode_id"), data.pop("session_id", None)
        if seed is not None and (type(seed) is not int or seed < 0):
            return None
        if not _is_label(label) or not isinstance(in_body, str | None):
            return None
        return episodes.reset(data, session_id or in_body, receive)

    return handle


def _step(episodes: HttpEpisodes) -> _Handle:
    def handle(body: bytes, session_id: str | None, receive: Receive, caller: Caller) -> Awaitable[Answer] | None:
        data = _decoded(body)
        if data is None:
            return None
        action, in_body = data.pop("action", None), data.pop("session_id", None)
        timeout_s = data.get("timeout_s")
        if type(action) is not dict or not _is_label(data.get("request_id")) or not isinstance(in_body, str | None):
            return None
        if timeout_s is not None:
            if type(timeout_s) not in (int, float) or timeout_s <= 0:
                return None
            data["timeout_s"] = float(timeout_s)
        return episodes.step(action, data, session_id or in_body, receive, caller)

    return handle


def _state(episodes: HttpEpisodes) -> _Handle:
    return lambda _body, session_id, receive, _caller: episodes.state(session_id, receive)


async def _health(*_: Any) -> Answer:
    return _HEALTHY


def _decoded(body: bytes) -> dict[str, Any] | None:
    try:
        data = _decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return data if type(data) is dict else None


def _is_label(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= MAX_LABEL)


class _Head:
    """What a request's headers say.

    Args:
        headers: ASGI's, with names in lower case.

    Attributes:
        json: Whether the body is JSON by its type.
        size: The body's announced size, 0 where there is none.
        session_id: The session's id.
        of_mcp: Whether there is a header that only the Model Context Protocol has.
    """

    __slots__ = ("_kept", "json", "of_mcp", "session_id", "size")

    def __init__(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.json, self.size, self.of_mcp = False, 0, False
        self.session_id: str | None = None
        self._kept: dict[bytes, bytes] = {}
        for name, value in headers:
            if name == b"content-type":
                self.json = value.partition(b";")[0].strip().lower() == b"application/json"
            elif name == b"content-length" and value.isdigit():
                self.size = int(value)
            elif name in _KEPT:
                self._kept[name] = value if name not in self._kept else self._kept[name] + b", " + value
            elif name == _SESSION_HEADER:
                self.session_id = value.decode("latin-1")
            elif name in MCP_HEADERS:
                self.of_mcp = True

    def get(self, name: bytes) -> str | None:
        """One of ``_KEPT``; None where there is none. Two of one name are no value of it."""
        value = self._kept.get(name)
        return None if value is None else value.decode("latin-1")


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None where it is too large.

    Raises:
        ClientGone: It left in the middle: what came is not what it asked for.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """A channel that gives a body that was read already, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _limited(receive: Receive) -> Receive:
    """A channel that refuses a body once it is too large."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counted


_KEPT = frozenset((b"authorization", b"origin", b"host", b"accept"))
_TOO_LARGE = f"the body is larger than {MAX_BODY_BYTES} bytes"
_HEALTHY = Answer(b'{"status":"healthy"}')
_decode = msgspec.json.Decoder().decode


def _too_large(counts: Counts | None) -> Answer:
    if counts is not None:
        counts.error("MESSAGE_TOO_LARGE")
    return Answer(msgspec.json.encode({"detail": _TOO_LARGE, "code": "MESSAGE_TOO_LARGE"}), 413)


async def send_answer(send: Send, answer: Answer) -> None:
    """Write an answer to a request's ASGI channel."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.header_fields()})
    await send({"type": "http.response.body", "body": answer.body})
