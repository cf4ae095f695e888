"""The plain ``/ws`` and ``/mcp`` routes: one session a connection over ASGI, one answer a frame, in order."""

import asyncio
import contextlib
from collections import deque

from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from openenv_tasksets.server.conversation import NORMAL, Channel, Refused, answer, answer_at_once, begin
from openenv_tasksets.server.gate import select_subprotocol
from openenv_tasksets.server.http_episode import SESSION_HEADER
from openenv_tasksets.server.session import Session, new_session_id

MOST_AHEAD = 16
"""Frames that are read while one is being answered: to notice a client that leaves, not to store what it sends."""


async def serve_websocket(scope: Scope, receive: Receive, send: Send, channel: Channel) -> None:
    """Accept a connection, begin or take up its session, and answer frames until either side closes."""
    websocket = WebSocket(scope, receive, send)
    wanted = websocket.query_params.get("session_id")
    new_id = new_session_id()
    sessions = channel.host.sessions

    def told(why: str) -> None:
        sessions.run(_end(websocket, *channel.farewell(why)))

    try:
        is_new = not (wanted or channel.visits)
        await websocket.accept(
            subprotocol=select_subprotocol(websocket.scope["subprotocols"]),
            headers=[(SESSION_HEADER.encode(), new_id.encode())] if is_new else [],
        )
    except WebSocketDisconnect:
        return
    # How it ended where this handler is cancelled, too.
    broke = True
    ahead: deque[str | bytes] = deque()
    beginning = sessions.run(begin(channel, new_id, wanted, told))
    receiving: asyncio.Task[Message] | None = None
    try:
        receiving = await _read_ahead(websocket, beginning, ahead)
        session = await beginning
        if session.inline:
            while ahead:
                if not await _send(websocket, await answer(channel, session, ahead.popleft())):
                    broke = False
                    return
            broke = await _answer_in_turn(websocket, receive, send, await receiving, channel, session)
        else:
            broke = await _answer_ahead(websocket, channel, session, ahead, receiving)
    except WebSocketDisconnect:
        pass
    except Refused as exc:
        await _end(websocket, exc.frame, exc.close_code)
    finally:
        if receiving is not None:
            receiving.cancel()  # which does nothing to one that is done
        # The slot must be freed even when the server cancels this handler, and before its loop is closed.
        await asyncio.shield(sessions.run(_leave(channel, beginning, broke=broke)))


async def _read_ahead(
    websocket: WebSocket, beginning: "asyncio.Task[Session]", ahead: "deque[str | bytes]"
) -> "asyncio.Task[Message]":
    """Listen while a session is begun, which may have to be waited for.

    Args:
        websocket: The client's.
        beginning: The session to be.
        ahead: Gets the frames that come meanwhile.

    Returns:
        The listening that is under way; to cancel it could lose a frame.

    Raises:
        WebSocketDisconnect: The client is gone.
    """
    receiving = asyncio.create_task(websocket.receive())
    try:
        while not beginning.done() and len(ahead) < MOST_AHEAD:
            await asyncio.wait([beginning, receiving], return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                message = receiving.result()
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect
                ahead.append(_frame(message))
                receiving = asyncio.create_task(websocket.receive())
        await asyncio.wait([beginning])
    except BaseException:
        receiving.cancel()
        raise
    return receiving


async def _leave(channel: Channel, beginning: "asyncio.Task[Session]", *, broke: bool) -> None:
    beginning.cancel()
    await asyncio.wait([beginning])
    if not channel.visits and not beginning.cancelled() and beginning.exception() is None:
        await channel.host.sessions.leave(beginning.result(), broke=broke)


async def _answer_in_turn(
    websocket: WebSocket, receive: Receive, send: Send, message: Message, channel: Channel, session: Session
) -> bool:
    """Answer until the connection is over; whether it broke. For sessions that hardly ever wait."""
    while message["type"] != "websocket.disconnect":
        text = message.get("text")
        reply = answer(channel, session, message["bytes"]) if text is None else answer_at_once(channel, session, text)
        frame = reply if isinstance(reply, bytes) else await reply
        if frame is None or websocket.application_state is not WebSocketState.CONNECTED:
            await _send(websocket, frame)
            return False
        # Starlette's own ways in and out check what is known here.
        try:  # noqa: SIM105 - which costs as much again as all else here
            await send({"type": "websocket.send", "text": frame.decode()})
        except OSError:  # the client is gone, which is what is received next
            pass
        message = await receive()
    return _broke(message)


async def _answer_ahead(
    websocket: WebSocket,
    channel: Channel,
    session: Session,
    frames: "deque[str | bytes]",
    listening: "asyncio.Task[Message]",
) -> bool:
    """As ``_answer_in_turn``, but listening while a call runs, so that a client that leaves is noticed at once."""
    sessions = channel.host.sessions
    receiving: asyncio.Task[Message] | None = listening
    answering = sessions.run(answer(channel, session, frames.popleft())) if frames else None
    broke = True
    try:
        while True:
            await asyncio.wait([task for task in (receiving, answering) if task], return_when=asyncio.FIRST_COMPLETED)
            if receiving is not None and receiving.done():
                message = receiving.result()
                if message["type"] == "websocket.disconnect":
                    broke = _broke(message)
                    return broke
                frames.append(_frame(message))
                receiving = None
            if answering is not None and answering.done():
                if not await _send(websocket, answering.result()):
                    return False
                answering = None
            if answering is None and frames:
                answering = sessions.run(answer(channel, session, frames.popleft()))
            if receiving is None and len(frames) < MOST_AHEAD:
                receiving = asyncio.create_task(websocket.receive())
    finally:
        if receiving is not None:
            receiving.cancel()
        # A session that outlives its connection takes its step to the end.
        if answering is not None and not channel.visits and not sessions.outlives(session, broke=broke):
            answering.cancel()
            await asyncio.wait([answering])


def _frame(message: Message) -> str | bytes:
    text: str | None = message.get("text")
    return message["bytes"] if text is None else text


def _broke(message: Message) -> bool:
    # uvicorn gives a reason, if an empty one, exactly where the client sent a close frame.
    return "reason" not in message


async def _send(websocket: WebSocket, frame: bytes | None) -> bool:
    """Send a frame, or close for None; whether the connection goes on."""
    if websocket.application_state is not WebSocketState.CONNECTED:
        return False
    if frame is None:
        await websocket.close(NORMAL)
        return False
    with contextlib.suppress(WebSocketDisconnect):  # which is what is received next
        await websocket.send({"type": "websocket.send", "text": frame.decode()})
    return True


async def _end(websocket: WebSocket, frame: bytes, code: int) -> None:
    if await _send(websocket, frame) and websocket.application_state is WebSocketState.CONNECTED:
        await websocket.close(code)
