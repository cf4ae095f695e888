"""One client's frames and their answers, whatever carries them."""

from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.access import Caller, check
from openenv_tasksets.server.errors import wire_error
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.inline_session import InlineSession
from openenv_tasksets.server.json_rpc import SERVER_ERROR, RpcError, failure, request_id_of
from openenv_tasksets.server.openenv_rpc import RpcContext, answer_rpc
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.pooled_environment import PooledCall
from openenv_tasksets.server.pooled_session import Awaited, Finish, PooledSession
from openenv_tasksets.server.rate_limit import RateExceeded
from openenv_tasksets.server.session import Session, SessionEnded
from openenv_tasksets.server.sessions import ServerStopping, Tell
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.wire import FrameError, decode_json, encode_json, read_call, read_frame, write_frame

MAX_FRAME_BYTES = 16 * 2**20
"""The largest frame that is answered as what it asks: bytes, or characters of a text."""
HARD_LIMIT_BYTES = 2 * MAX_FRAME_BYTES
"""The largest frame that is read; up to it the session lives, beyond it the connection is closed."""
NORMAL = 1000
GOING_AWAY = 1001
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013


class Refused(Exception):
    """A connection that gets no session.

    Attributes:
        frame: The error frame to send.
        close_code: What to close the connection with.
    """

    def __init__(self, frame: bytes, close_code: int) -> None:
        super().__init__()
        self.frame = frame
        self.close_code = close_code


@dataclass(slots=True)
class Channel:
    """What is the same for all frames of a connection.

    Attributes:
        host: Whose.
        gate: Of the server.
        caller: Who connected.
        rpc_only: Whether the frames are JSON-RPC alone, as on ``/mcp``, or those of ``/ws``.
        visits: Whether the session is somebody else's: an agent's connection neither has nor ends it.
    """

    host: Host
    gate: Gate
    caller: Caller
    rpc_only: bool = False
    visits: bool = field(init=False)

    def __post_init__(self) -> None:
        self.visits = self.caller.role == "agent"

    def error(self, data: dict[str, Any], request_id: int | str | None = None) -> bytes:
        """An error frame; on ``/mcp``, the answer to the request of that id, where there is one."""
        if not self.rpc_only:
            return write_frame("error", data)
        facts = {name: value for name, value in data.items() if name != "message"}
        return encode_json(failure(request_id, RpcError(SERVER_ERROR, data["message"], facts)))

    def farewell(self, why: str) -> tuple[bytes, int]:
        """The error frame and the close code for a client whose session the server ends."""
        frame = self.error(wire_error(SessionEnded(why)).frame_data())
        return frame, SERVICE_RESTART if self.host.sessions.stopping else GOING_AWAY


def wanted_session(query: str) -> str | None:
    """The id of the session that a connection is to take up, by the query of its URL; None or empty for a new one."""
    return parse_qs(query).get("session_id", [None])[-1]


async def begin(channel: Channel, new_id: str, wanted_id: str | None, holder: Tell) -> Session:
    """The session of a new connection.

    Args:
        channel: The connection.
        new_id: The id of a new one.
        wanted_id: That of one to take up instead; None or empty for a new one.
        holder: Told when the server ends the session.

    Raises:
        Refused: There is none to be had.
    """
    host = channel.host
    try:
        if channel.visits:
            check(channel.caller, "tools", wanted_id or None)
            return host.sessions.find(channel.caller.named(wanted_id) or "")
        if wanted_id:
            return host.sessions.attach(wanted_id, holder)
        return await host.open_session(new_id, holder=holder)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the client is told
        refused = _refused(channel, exc)
        raise refused from None


def _refused(channel: Channel, exc: Exception) -> Refused:
    code, data = NORMAL, wire_error(exc).frame_data()
    if isinstance(exc, SessionEnded):
        data = {"message": exc.message.partition(". ")[0], "code": "SESSION_ERROR"}
    elif isinstance(exc, CapacityReached):
        code = TRY_AGAIN_LATER
    elif isinstance(exc, ServerStopping):
        code = SERVICE_RESTART
    elif isinstance(exc, EnvironmentFailed):
        data = {**data, "code": "FACTORY_ERROR", "factory_name": channel.host.kind.name}
    channel.host.counts.error(data["code"], error_id=data.get("error_id"))
    return Refused(channel.error(data), code)


def answer_at_once(
    channel: Channel, session: InlineSession, text: str | bytes
) -> bytes | Coroutine[Any, Any, bytes | None]:
    """The frame that answers a text frame, or what is left to await for it, as from ``answer``.

    A plain reset or step takes no coroutine and no task.

    Raises:
        UnicodeDecodeError: The bytes are no text.
    """
    call = read_call(text) if session.rate is None and len(text) <= MAX_FRAME_BYTES else None
    if call is None or channel.rpc_only or channel.visits:
        return answer(channel, session, text if isinstance(text, str) else text.decode())
    try:
        came_to = session.step_at_once(call.data) if call.type == "step" else session.reset_at_once(call.data)
        if not isinstance(came_to, Outcome):
            return _awaited(session, came_to)
        return encode_json({"type": "observation", "data": came_to.to_wire()})
    except Exception as exc:  # noqa: BLE001 - told, and logged where nobody foresaw it
        return _told(session, exc)


def answer_soon(
    channel: Channel, session: PooledSession, text: bytes, finish: Finish
) -> bytes | PooledCall | Coroutine[Any, Any, bytes | None]:
    """The frame that answers a text frame, or the call that is being made for it, or what is left to await.

    A plain reset or step takes no task.

    Args:
        channel: The connection.
        session: Its session.
        text: The frame.
        finish: Given what the call came to, for ``answer_finished``.

    Raises:
        UnicodeDecodeError: The bytes are no text.
    """
    call = read_call(text) if session.rate is None and len(text) <= MAX_FRAME_BYTES else None
    if call is None or channel.rpc_only or channel.visits:
        return answer(channel, session, text.decode())
    try:
        begun = session.step_soon(call.data, finish) if call.type == "step" else session.reset_soon(call.data, finish)
    except Exception as exc:  # noqa: BLE001 - as above
        return _told(session, exc)
    return begun if isinstance(begun, PooledCall) else _awaited(session, begun)


def answer_finished(session: Session, came_to: Outcome | Awaited) -> bytes | Coroutine[Any, Any, bytes]:
    """The frame that tells what a reset or a step came to, or what is left to await for it."""
    if not isinstance(came_to, Outcome):
        return _awaited(session, came_to)
    try:
        return encode_json({"type": "observation", "data": came_to.to_wire()})
    except Exception as exc:  # noqa: BLE001 - as above
        return _told(session, exc)


async def _awaited(session: Session, outcome: Awaitable[Outcome]) -> bytes:
    try:
        return write_frame("observation", (await outcome).to_wire())
    except Exception as exc:  # noqa: BLE001 - as above
        return _told(session, exc)


def _told(session: Session, exc: Exception) -> bytes:
    """The frame that tells of an error, which is counted."""
    data = exc.data if isinstance(exc, FrameError) else wire_error(exc).frame_data()
    session.touch()
    session.counts.error(data["code"], session.id, data.get("error_id"))
    return write_frame("error", data)


async def answer(channel: Channel, session: Session, frame: str | bytes) -> bytes | None:
    """The frame that answers a frame; None where the client asks to close the connection.

    A session outlives whatever one frame does.
    """
    if channel.rpc_only:
        return await _answer_rpc(channel, session, frame)
    try:
        if session.rate is not None:
            session.rate.take()
        if len(frame) > MAX_FRAME_BYTES:
            raise FrameError("MESSAGE_TOO_LARGE", f"A message is at most {MAX_FRAME_BYTES} bytes, not {len(frame)}")
        kind, data = read_frame(frame)
        if channel.visits and kind in ("step", "reset", "state"):
            check(channel.caller, "step" if kind == "step" else "control", session.id)
        if kind == "step":
            return write_frame("observation", (await session.step(data)).to_wire())
        if kind == "reset":
            return write_frame("observation", (await session.reset(data)).to_wire())
        if kind == "state":
            return write_frame("state", await session.state())
        session.touch()
        return write_frame("mcp", await answer_rpc(data, _context(channel, session))) if kind == "mcp" else None
    except Exception as exc:  # noqa: BLE001 - told, and logged where nobody foresaw it
        return _told(session, exc)


async def _answer_rpc(channel: Channel, session: Session, frame: str | bytes) -> bytes:
    try:
        if len(frame) > MAX_FRAME_BYTES:
            raise FrameError("MESSAGE_TOO_LARGE", "too large")
        message = decode_json(frame)
    except FrameError:
        message = None
    session.touch()
    try:
        if session.rate is not None:
            session.rate.take()
        return encode_json(await answer_rpc(message, _context(channel, session)))
    except (EnvironmentFailed, RateExceeded) as exc:
        data = wire_error(exc).frame_data()
    session.counts.error(data["code"], session.id, data.get("error_id"))
    return channel.error(data, request_id_of(message))


def _context(channel: Channel, session: Session) -> RpcContext:
    return RpcContext(channel.host, channel.gate, channel.caller, session)
