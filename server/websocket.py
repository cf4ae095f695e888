"""The ``/ws`` route: one session a connection, one answer a frame, in order."""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.errors import wire_error
from openenv_tasksets.server.host import CapacityReached, Host
from openenv_tasksets.server.mcp import answer_rpc
from openenv_tasksets.server.session import Session
from openenv_tasksets.server.wire import FrameError, read_frame, write_frame

NORMAL = 1000
TRY_AGAIN_LATER = 1013


async def serve_websocket(websocket: WebSocket, host: Host) -> None:
    """Accept a connection, open its session, and answer frames until either side closes."""
    try:
        await websocket.accept()
        session = await _open_session(websocket, host)
    except WebSocketDisconnect:
        return
    if session is None:
        return
    try:
        await _answer_frames(websocket, session)
    except WebSocketDisconnect:
        pass
    finally:
        # The slot must be freed even when the server cancels this handler.
        await asyncio.shield(host.release(session))


async def _open_session(websocket: WebSocket, host: Host) -> Session | None:
    """The session, or None after an error frame and a close that say why there is none."""
    session_id = websocket.query_params.get("session_id")
    if session_id:
        await _refuse(websocket, {"message": f"Unknown session_id: {session_id}", "code": "SESSION_ERROR"}, NORMAL)
        return None
    try:
        return await host.open_session()
    except CapacityReached as exc:
        await _refuse(websocket, wire_error(exc).frame_data(), TRY_AGAIN_LATER)
    except EnvironmentFailed as exc:
        data = {**wire_error(exc).frame_data(), "code": "FACTORY_ERROR", "factory_name": host.kind.name}
        await _refuse(websocket, data, NORMAL)
    return None


async def _answer_frames(websocket: WebSocket, session: Session) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        try:
            kind, data = read_frame(message["bytes"] if text is None else text)
            if kind == "close":
                await _close(websocket, NORMAL)
                return
            reply = await _reply(session, kind, data)
        except FrameError as exc:
            reply = write_frame("error", exc.data)
        except Exception as exc:  # noqa: BLE001 - a session outlives whatever one frame did
            reply = write_frame("error", wire_error(exc).frame_data())
        await _send(websocket, reply)


async def _reply(session: Session, kind: str, data: dict[str, object]) -> bytes:
    if kind == "reset":
        return write_frame("observation", (await session.reset(data)).to_wire())
    if kind == "step":
        return write_frame("observation", (await session.step(data)).to_wire())
    if kind == "state":
        return write_frame("state", await session.state())
    return write_frame("mcp", answer_rpc(data))


async def _refuse(websocket: WebSocket, data: dict[str, object], close_code: int) -> None:
    await _send(websocket, write_frame("error", data))
    await _close(websocket, close_code)


async def _send(websocket: WebSocket, frame: bytes) -> None:
    await websocket.send({"type": "websocket.send", "text": frame.decode()})


async def _close(websocket: WebSocket, code: int) -> None:
    if websocket.application_state is WebSocketState.CONNECTED:
        await websocket.close(code)
