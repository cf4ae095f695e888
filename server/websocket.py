"""The plain ``/ws`` and ``/mcp`` routes: one session a connection over ASGI, one answer a frame, in order.

What a coroutine refers to lasts as long as the connection, so what opens one is gone before its frames are answered.
"""

import asyncio

from starlette.types import Message, Receive, Scope, Send

from openenv_tasksets.server.asgi_socket import GONE, AsgiSocket, SocketClosed, broke, frame_of
from openenv_tasksets.server.conversation import Channel, Refused, answer, answer_at_once, begin, wanted_session
from openenv_tasksets.server.eager import run_eagerly
from openenv_tasksets.server.http_episode import SESSION_HEADER
from openenv_tasksets.server.inline_session import InlineSession
from openenv_tasksets.server.session import Session, new_session_id

MOST_AHEAD = 16
"""Frames that are read while one is being answered: to notice a client that leaves, not to store what it sends."""


async def serve_websocket(scope: Scope, receive: Receive, send: Send, channel: Channel) -> None:
    """Accept a connection, begin or take up its session, and answer frames until either side closes."""
    connection = _Connection(channel, AsgiSocket(receive, send))
    try:
        session = await connection.begin(scope)
        # How it ended where this handler is cancelled, too.
        is_broken = True
        try:
            if isinstance(session, InlineSession):
                is_broken = await _answer_in_turn(connection, session)
            else:
                is_broken = await _answer_ahead(connection, session)
        finally:
            # The slot must be freed even when the server cancels this handler, and before its loop is closed.
            await asyncio.shield(channel.host.sessions.run(_leave(channel, session, is_broken=is_broken)))
    except SocketClosed:
        pass
    except Refused as exc:
        await connection.socket.end(exc.frame, exc.close_code)
    finally:
        if connection.receiving is not None:
            connection.receiving.cancel()  # which does nothing to one that is done


class _Connection:
    """A client's socket, and what has come from it that is not answered.

    Args:
        channel: What is the same for all its frames.
        socket: The socket.

    Attributes:
        channel: As given.
        socket: As given.
        frames: Those that wait for the one before them.
        receiving: The listening that is under way; to cancel it could lose a frame.
    """

    __slots__ = ("channel", "frames", "receiving", "socket")

    def __init__(self, channel: Channel, socket: AsgiSocket) -> None:
        self.channel = channel
        self.socket = socket
        self.frames: list[str | bytes] = []
        self.receiving: asyncio.Task[Message] | None = None

    async def begin(self, scope: Scope) -> Session:
        """Accept, and have a session.

        Args:
            scope: The connection's.

        Raises:
            SocketClosed: The client is gone.
            Refused: There is no session to be had.
        """
        channel, new_id = self.channel, new_session_id()
        wanted = wanted_session(scope["query_string"].decode("latin-1"))
        is_new = not (wanted or channel.visits)
        await self.socket.accept(scope, [(SESSION_HEADER.encode(), new_id.encode())] if is_new else [])
        beginning = begin(channel, new_id, wanted, self.tell)
        run = channel.host.sessions.run
        begun = run_eagerly(beginning, run) if channel.host.kind.inline else run(beginning)
        if not isinstance(begun, asyncio.Task):
            return begun
        try:
            await self._read_ahead(begun)
            return await begun
        except BaseException:
            await asyncio.shield(run(_abandon(channel, begun)))
            raise

    async def _read_ahead(self, beginning: "asyncio.Task[Session]") -> None:
        """Listen while a session is begun, which may have to be waited for."""
        self.receiving = asyncio.ensure_future(self.socket.receive())
        while not beginning.done() and len(self.frames) < MOST_AHEAD:
            await asyncio.wait([beginning, self.receiving], return_when=asyncio.FIRST_COMPLETED)
            if self.receiving.done():
                self.frames.append(frame_of(self.receiving.result()))
                self.receiving = asyncio.ensure_future(self.socket.receive())
        await asyncio.wait([beginning])

    def tell(self, why: str) -> None:
        """The session is over."""
        self.channel.host.sessions.run(self.socket.end(*self.channel.farewell(why)))


async def _answer_in_turn(connection: _Connection, session: InlineSession) -> bool:
    """Answer until the connection is over; whether it broke."""
    channel, socket = connection.channel, connection.socket
    for frame in connection.frames:
        if not await socket.answer(await answer(channel, session, frame)):
            return False
    connection.frames.clear()
    message = await (connection.receiving or socket.receive())
    connection.receiving = None
    send, receive = socket.send, socket.receive
    while message["type"] != "websocket.disconnect":
        text = message.get("text")
        reply = answer(channel, session, message["bytes"]) if text is None else answer_at_once(channel, session, text)
        told = reply if isinstance(reply, bytes) else await reply
        if told is None or not socket.open:
            await socket.answer(told)
            return False
        try:  # noqa: SIM105 - which costs as much again as all else here
            await send({"type": "websocket.send", "text": told.decode()})
        except GONE:  # which is what is received next
            pass
        del message, text, reply, told  # nothing of them is kept while there is nothing to do
        message = await receive()
    return broke(message)


async def _answer_ahead(connection: _Connection, session: Session) -> bool:
    """As ``_answer_in_turn``, but listening while a call runs, so that a client that leaves is noticed at once."""
    channel, socket, frames = connection.channel, connection.socket, connection.frames
    sessions = channel.host.sessions
    answering: asyncio.Task[bytes | None] | None = None
    is_broken = True
    try:
        while True:
            if answering is None and frames:
                answering = sessions.run(answer(channel, session, frames.pop(0)))
            if connection.receiving is None and len(frames) < MOST_AHEAD:
                connection.receiving = asyncio.ensure_future(socket.receive())
            awaited = [task for task in (connection.receiving, answering) if task]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if connection.receiving is not None and connection.receiving.done():
                message = connection.receiving.result()
                if message["type"] == "websocket.disconnect":
                    is_broken = broke(message)
                    return is_broken
                frames.append(frame_of(message))
                connection.receiving = None
            if answering is not None and answering.done():
                if not await socket.answer(answering.result()):
                    return False
                answering = None
    finally:
        # A session that outlives its connection takes its step to the end.
        if answering is not None and not channel.visits and not sessions.outlives(session, broke=is_broken):
            answering.cancel()
            await asyncio.wait([answering])


async def _abandon(channel: Channel, beginning: "asyncio.Task[Session]") -> None:
    """Leave a session that may be begun or not."""
    beginning.cancel()
    await asyncio.wait([beginning])
    if not beginning.cancelled() and beginning.exception() is None:
        await _leave(channel, beginning.result(), is_broken=True)


async def _leave(channel: Channel, session: Session, *, is_broken: bool) -> None:
    if not channel.visits:
        await channel.host.sessions.leave(session, broke=is_broken)
