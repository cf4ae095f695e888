"""``/ws`` and ``/mcp`` without ASGI: a protocol class for uvicorn's ``ws=`` that speaks to the session directly."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, cast
from urllib.parse import unquote

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request

from openenv_tasksets.server.access import AccessDenied
from openenv_tasksets.server.conversation import (
    NORMAL,
    Channel,
    Refused,
    answer,
    answer_at_once,
    answer_finished,
    answer_soon,
    begin,
    wanted_session,
)
from openenv_tasksets.server.eager import run_eagerly
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.handshake import refusal
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.http_episode import SESSION_HEADER
from openenv_tasksets.server.inline_session import InlineSession
from openenv_tasksets.server.message_protocol import KEEPALIVE_FAILED, MessageProtocol
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.pooled_environment import PooledCall
from openenv_tasksets.server.pooled_session import Awaited, PooledSession
from openenv_tasksets.server.session import Session, new_session_id

INVALID_DATA = 1007

MOST_AHEAD = 16
"""Frames that may wait for those before them; then no more are read until there are fewer."""
MOST_AT_ONCE = 16
"""Frames that are answered before other connections have their turn."""


class EpisodeProtocol(MessageProtocol):
    """One connection, from its upgrade request on. A subclass has the hosts and the gate; see ``protocol_for``."""

    hosts: Mapping[str, Host]
    gate: Gate

    def __init__(self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state)
        self._app_state = app_state
        self._channel: Channel | None = None
        self._session: Session | None = None
        self._opening: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[bytes | None] | PooledCall | None = None
        self._waiting: list[str | bytes] = []
        self._writable = True
        self._reading = True
        self._turn: asyncio.Handle | None = None

    # What the transport calls

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over, and the session with it unless it outlives it."""
        super().connection_lost(exc)
        self._waiting.clear()
        if self._turn is not None:
            self._turn.cancel()
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

    # The handshake

    def _open(self, request: Request, data: bytes) -> None:
        path, _, query = request.path.partition("?")
        path = unquote(path)
        prefix, _, route = path.rpartition("/")
        host = self.hosts.get(prefix) if route in ("ws", "mcp") else None
        if host is None:
            self._hand_over(data)
            return
        new_id = new_session_id()
        wanted = wanted_session(query)
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
        sent = self._library.close_sent
        broke = self._library.close_rcvd is None and (sent is None or sent.code == KEEPALIVE_FAILED)
        if self._answering is not None and not host.sessions.outlives(session, broke=broke):
            if isinstance(self._answering, PooledCall):
                cast("PooledSession", session).abandon(self._answering)
            else:
                self._answering.cancel()
                await asyncio.wait([self._answering])
        await host.sessions.leave(session, broke=broke)

    def _receive_message(self, payload: bytes, *, is_text: bool) -> None:
        session, channel = self._session, self._channel
        is_next = self._turn is None and self._answering is None and self._writable and not self._waiting
        try:
            if is_text and is_next and isinstance(session, InlineSession) and channel is not None:
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
            self._settle(answer(channel, session, self._waiting.pop(0)), session, channel)
        self._pace()

    def _settle(self, work: Coroutine[Any, Any, bytes | None], session: Session, channel: Channel) -> None:
        """Send what the work of answering gives, once it is there."""
        run = channel.host.sessions.run
        reply = run_eagerly(work, run) if isinstance(session, InlineSession) else run(work)
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
        super()._close(code)

    def _closing(self) -> None:
        self._writable = True
        self._pace()

    def _is_full(self) -> bool:
        return len(self._waiting) >= MOST_AHEAD and (self._answering is not None or self._session is None)


def protocol_for(hosts: Mapping[str, Host], gate: Gate) -> type[EpisodeProtocol]:
    """The class to give to uvicorn as ``ws``.

    Args:
        hosts: By the path before their ``/ws``; the root's is empty.
        gate: Of the server.
    """
    return type("EpisodeProtocol", (EpisodeProtocol,), {"hosts": dict(hosts), "gate": gate})
