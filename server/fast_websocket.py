"""``/ws`` and ``/mcp`` without ASGI: a protocol class for uvicorn's ``ws=`` that speaks to the session directly.

Framing is that of the library ``websockets``, but for what nearly every frame is: one final, unreserved text or
binary frame outside of a fragmented message. The bounds of a frame are found here, so that the library always stands
at one; handed to it, such a frame and its answer took 11 us, here 1 us.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, cast
from urllib.parse import parse_qs, unquote

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.speedups import apply_mask

from openenv_tasksets.server.access import AccessDenied
from openenv_tasksets.server.conversation import HARD_LIMIT_BYTES as LIMIT
from openenv_tasksets.server.conversation import (
    NORMAL,
    Channel,
    Refused,
    answer,
    answer_at_once,
    answer_finished,
    answer_soon,
    begin,
)
from openenv_tasksets.server.eager import run_eagerly
from openenv_tasksets.server.environment_pool import PooledCall
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.handshake import refusal, server_protocol
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.http_episode import SESSION_HEADER
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.pooled_session import Awaited, PooledSession
from openenv_tasksets.server.session import Session, new_session_id
from openenv_tasksets.server.text_frame import text_frame

INVALID_DATA = 1007
KEEPALIVE_FAILED = 1011

CLOSE_SECONDS = 10.0
"""How long a client has to close its side of a connection that is closing."""
MOST_AHEAD = 16
"""Frames that may wait for those before them; then no more are read until there are fewer."""
MOST_AT_ONCE = 16
"""Frames that are answered before other connections have their turn."""


class EpisodeProtocol(asyncio.Protocol):
    """One connection, from its upgrade request on. A subclass has the hosts and the gate; see ``protocol_for``."""

    hosts: Mapping[str, Host]
    gate: Gate

    def __init__(self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = asyncio.get_running_loop()
        self._library = server_protocol()
        self._channel: Channel | None = None
        self._session: Session | None = None
        self._opening: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[bytes | None] | PooledCall | None = None
        self._waiting: deque[str | bytes] = deque()
        self._buffer = bytearray()
        self._needed = 0
        self._fragments: list[bytes] | None = None
        self._is_text = True
        self._writable = True
        self._reading = True
        self._open_now = False
        self._lost = False
        self._heard = True
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection was an HTTP one so far."""
        self._transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(cast("Any", self))

    def data_received(self, data: bytes) -> None:
        """Bytes of any number of frames; the first ones are the upgrade request."""
        self._heard = True
        if not self._open_now:
            self._receive_unopened(data)
            return
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        taken = self._take_frames(data)
        if taken == len(data):
            return
        if self._library.state is State.OPEN:
            self._buffer += data[taken:]
        else:
            self._receive_unopened(data[taken:])

    def eof_received(self) -> bool:
        """The client sends no more; nothing is left to say to it."""
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        """The connection is over, and the session with it unless it outlives it."""
        self._lost = True
        self._server_state.connections.discard(cast("Any", self))
        self._waiting.clear()
        for handle in (self._timer, self._turn):
            if handle is not None:
                handle.cancel()
        if self._opening is not None:
            self._opening.cancel()  # which does nothing to one that is done
        if self._channel is not None and self._session is not None:
            self._channel.host.sessions.run(self._leave(self._channel, self._session))

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        self._writable = False
        self._pace()

    def resume_writing(self) -> None:
        """The client has read most of it."""
        self._writable = True
        self._answer_waiting()

    def shutdown(self) -> None:
        """The server is stopping."""
        self._close(CloseCode.SERVICE_RESTART)
        self._transport.close()

    # The handshake

    def _receive_unopened(self, data: bytes) -> None:
        """Bytes before the handshake, or after the closing one began."""
        if self._library.eof_sent:
            return
        self._library.receive_data(data)
        for event in self._library.events_received():
            if isinstance(event, Request):
                self._open(event, data)
            elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self._flush()

    def _open(self, request: Request, data: bytes) -> None:
        path, _, query = request.path.partition("?")
        path = unquote(path)
        prefix, _, route = path.rpartition("/")
        host = self.hosts.get(prefix) if route in ("ws", "mcp") else None
        if host is None:
            self._hand_over(data)
            return
        new_id = new_session_id()
        wanted = parse_qs(query).get("session_id", [None])[-1]
        try:
            caller = self.gate.admit_websocket(request.headers.get_all)
        except AccessDenied as exc:
            self._library.send_response(refusal(self._library, exc, host.counts))
        else:
            channel = Channel(host, self.gate, caller, rpc_only=route == "mcp")
            response = self._library.accept(request)
            if response.status_code == 101 and not (wanted or channel.visits):
                response.headers[SESSION_HEADER] = new_id
            self._library.send_response(response)
        self._flush()
        if not self._open_now:
            self._transport.close()
            return
        self._channel = channel
        self._keep_alive()
        beginning = self._begin(channel, new_id, wanted)
        opening = run_eagerly(beginning, host.sessions.run) if host.kind.inline else host.sessions.run(beginning)
        self._opening = opening if isinstance(opening, asyncio.Task) else None

    def _hand_over(self, data: bytes) -> None:
        """To uvicorn's own class: this is no path of an environment."""
        self._server_state.connections.discard(cast("Any", self))
        other = WebSocketsSansIOProtocol(self._config, self._server_state, self._app_state)
        other.connection_made(self._transport)
        # The transport is given this object when this call returns, so it forwards.
        for name in ("data_received", "eof_received", "connection_lost", "pause_writing", "resume_writing"):
            setattr(self, name, getattr(other, name))
        other.data_received(data)

    async def _begin(self, channel: Channel, new_id: str, wanted: str | None) -> None:
        try:
            session = await begin(channel, new_id, wanted, self._tell)
        except Refused as exc:
            self._send(exc.frame)
            self._close(exc.close_code)
            return
        if self._lost:
            await self._leave(channel, session)
            return
        self._session = session
        self._answer_waiting()

    async def _leave(self, channel: Channel, session: Session) -> None:
        if channel.visits:
            return
        host = channel.host
        broke = self._library.close_rcvd is None and self._library.close_sent is None
        if self._answering is not None and not host.sessions.outlives(session, broke=broke):
            if isinstance(self._answering, PooledCall):
                cast("PooledSession", session).abandon(self._answering)
            else:
                self._answering.cancel()
                await asyncio.wait([self._answering])
        await host.sessions.leave(session, broke=broke)

    # Frames in

    def _take_frames(self, data: bytes) -> int:
        """Take every whole frame; how many bytes that were."""
        at, size = 0, len(data)
        self._needed = 0
        while size - at >= 2 and self._open_now:
            first, second = data[at], data[at + 1]
            end = at + second - 122
            if first == 0x81 and 0x80 <= second < 0xFE and end <= size and self._fragments is None:
                # A short one; all that follows would find the same.
                self._receive_message(apply_mask(data[at + 6 : end], data[at + 2 : at + 6]), is_text=True)
                at = end
                continue
            head, length = 6, second & 0x7F
            if length >= 126:
                head = 8 if length == 126 else 14
                if size - at < head - 4:
                    break
                length = int.from_bytes(data[at + 2 : at + head - 4], "big")
            # What is wrong with a frame is seen in its first bytes, and the library's to say.
            room = LIMIT - (self._library.current_size or 0)
            if length > room or second < 0x80 or (first & 0x08 and length > 125):
                self._give_to_library(data[at:])
                return size
            end = at + head + length
            if end > size:
                self._needed = end - at
                break
            if (first == 0x81 or first == 0x82) and self._fragments is None:
                payload = apply_mask(data[at + head : end], data[at + head - 4 : at + head])
                self._receive_message(payload, is_text=first == 0x81)
            else:
                self._give_to_library(data[at:end])
            at = end
        return at

    def _give_to_library(self, data: bytes) -> None:
        self._library.receive_data(data)
        for event in self._library.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._receive_fragment(event)
        self._flush()

    def _receive_fragment(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT or self._fragments is None:
            self._fragments, self._is_text = [], frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            payload, self._fragments = b"".join(self._fragments), None
            self._receive_message(payload, is_text=self._is_text)

    def _receive_message(self, payload: bytes, *, is_text: bool) -> None:
        session, channel = self._session, self._channel
        is_next = self._turn is None and self._answering is None and self._writable and not self._waiting
        try:
            if is_text and is_next and session is not None and session.inline and channel is not None:
                reply = answer_at_once(channel, session, payload)
                if isinstance(reply, bytes):
                    self._send(reply)
                else:
                    self._settle(reply, session, channel)
                return
            if is_text and is_next and isinstance(session, PooledSession) and channel is not None:
                begun = answer_soon(channel, session, payload, self._finish)
                if isinstance(begun, PooledCall):
                    self._answering = begun
                elif isinstance(begun, bytes):
                    self._send(begun)
                else:
                    self._settle(begun, session, channel)
                return
            message = payload.decode() if is_text else payload
        except UnicodeDecodeError:
            self._library.fail(INVALID_DATA, "a text frame is not UTF-8")
            self._flush()
            return
        self._waiting.append(message)
        if self._turn is None and self._answering is None:
            self._answer_waiting()
        else:
            self._pace()

    # Answers

    def _answer_waiting(self) -> None:
        """Answer what waits, in order, as far as the session, the client and the others let it."""
        self._turn = None
        session, channel = self._session, self._channel
        if session is None or channel is None:
            self._pace()
            return
        answered = 0
        while self._waiting and self._answering is None and self._writable and not self._lost:
            if answered == MOST_AT_ONCE:
                self._turn = self._loop.call_soon(self._answer_waiting)
                break
            answered += 1
            self._settle(answer(channel, session, self._waiting.popleft()), session, channel)
        self._pace()

    def _settle(self, work: Coroutine[Any, Any, bytes | None], session: Session, channel: Channel) -> None:
        """Send what the work of answering gives, once it is there."""
        run = channel.host.sessions.run
        reply = run_eagerly(work, run) if session.inline else run(work)
        if isinstance(reply, asyncio.Task):
            self._answering = reply
            reply.add_done_callback(self._answered)
        else:
            self._reply(reply)

    def _answered(self, task: "asyncio.Task[bytes | None]") -> None:
        self._answering = None
        if not self._lost and not task.cancelled():
            self._reply(task.result())
            self._answer_waiting()

    def _finish(self, came_to: Outcome | Awaited) -> None:
        """A call that was being made on the pool is made."""
        session, channel = self._session, self._channel
        assert session is not None and channel is not None  # noqa: S101, PT018 - for the type checker
        self._answering = None
        reply = answer_finished(session, came_to)
        if not isinstance(reply, bytes):
            self._settle(reply, session, channel)
        elif not self._lost:
            self._send(reply)
            if self._waiting:
                self._answer_waiting()

    def _reply(self, frame: bytes | None) -> None:
        if frame is None:
            self._close(NORMAL)
        else:
            self._send(frame)

    def _send(self, frame: bytes) -> None:
        if self._open_now:
            self._transport.write(text_frame(frame))

    def _pace(self) -> None:
        """Read on only while there is room for what comes."""
        wanted = self._writable and len(self._waiting) < MOST_AHEAD
        if wanted is not self._reading and not self._lost:
            self._reading = wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    # Ends

    def _tell(self, why: str) -> None:
        if self._channel is not None:
            frame, code = self._channel.farewell(why)
            self._send(frame)
            self._close(code)

    def _close(self, code: int) -> None:
        self._waiting.clear()
        if self._open_now:
            self._library.send_close(code)
            self._flush()

    def _flush(self) -> None:
        """Write what the library has to say, and wait for the end of the connection where there is one to come."""
        for chunk in self._library.data_to_send():
            if chunk:
                self._transport.write(chunk)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        self._open_now = self._library.state is State.OPEN
        if self._library.state is State.CLOSING:
            self._set_timer(CLOSE_SECONDS, self._transport.abort)
            self._writable = True
            self._pace()

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._lost else self._loop.call_later(seconds, call)

    def _ping(self) -> None:
        self._heard = False
        self._library.send_ping(b"")
        self._flush()
        self._set_timer(self._config.ws_ping_timeout or 20.0, self._check_heard)

    def _check_heard(self) -> None:
        # A client cannot be heard while no more of its frames may wait for an answer.
        if self._heard or (self._answering is not None and len(self._waiting) >= MOST_AHEAD):
            self._keep_alive()
            return
        self._library.fail(KEEPALIVE_FAILED, "keepalive ping timeout")
        self._flush()
        self._transport.abort()

    def _keep_alive(self) -> None:
        interval, timeout = self._config.ws_ping_interval, self._config.ws_ping_timeout or 0.0
        if interval:
            self._set_timer(interval if self._timer is None else max(0.0, interval - timeout), self._ping)


def protocol_for(hosts: Mapping[str, Host], gate: Gate) -> type[EpisodeProtocol]:
    """The class to give to uvicorn as ``ws``.

    Args:
        hosts: By the path before their ``/ws``; the root's is empty.
        gate: Of the server.
    """
    return type("EpisodeProtocol", (EpisodeProtocol,), {"hosts": dict(hosts), "gate": gate})
