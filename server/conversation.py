"""One client's frames and their answers, whatever carries them."""

from typing import Any

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.errors import wire_error
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.mcp import answer_rpc
from openenv_tasksets.server.session import Session, SessionEnded
from openenv_tasksets.server.sessions import ServerStopping, Tell
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.wire import FrameError, read_frame, write_frame

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

    def __init__(self, data: dict[str, Any], close_code: int) -> None:
        super().__init__()
        self.frame = write_frame("error", data)
        self.close_code = close_code


async def begin(host: Host, new_id: str, wanted_id: str | None, holder: Tell) -> Session:
    """The session of a new connection.

    Args:
        host: Whose.
        new_id: The id of a new one.
        wanted_id: That of one to take up instead; None or empty for a new one.
        holder: Told when the server ends the session.

    Raises:
        Refused: There is none to be had.
    """
    try:
        if wanted_id:
            return host.sessions.attach(wanted_id, holder)
        return await host.open_session(new_id, holder=holder)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the client is told
        refused = _refused(host, exc)
        raise refused from None


def _refused(host: Host, exc: Exception) -> Refused:
    code, data = NORMAL, wire_error(exc).frame_data()
    if isinstance(exc, SessionEnded):
        data = {"message": exc.message.partition(". ")[0], "code": "SESSION_ERROR"}
    elif isinstance(exc, CapacityReached):
        code = TRY_AGAIN_LATER
    elif isinstance(exc, ServerStopping):
        code = SERVICE_RESTART
    elif isinstance(exc, EnvironmentFailed):
        data = {**data, "code": "FACTORY_ERROR", "factory_name": host.kind.name}
    host.counts.error(data["code"], error_id=data.get("error_id"))
    return Refused(data, code)


async def answer(session: Session, frame: str | bytes) -> bytes | None:
    """The frame that answers a frame; None where the client asks to close the connection.

    A session outlives whatever one frame does.
    """
    try:
        if session.rate is not None:
            session.rate.take()
        if len(frame) > MAX_FRAME_BYTES:
            raise FrameError("MESSAGE_TOO_LARGE", f"A message is at most {MAX_FRAME_BYTES} bytes, not {len(frame)}")
        kind, data = read_frame(frame)
        if kind == "step":
            return write_frame("observation", (await session.step(data)).to_wire())
        if kind == "reset":
            return write_frame("observation", (await session.reset(data)).to_wire())
        if kind == "state":
            return write_frame("state", await session.state())
        return write_frame("mcp", answer_rpc(data)) if kind == "mcp" else None
    except FrameError as exc:
        data = exc.data
    except Exception as exc:  # noqa: BLE001 - told, and logged where nobody foresaw it
        data = wire_error(exc).frame_data()
    session.counts.error(data["code"], session.id, data.get("error_id"))
    return write_frame("error", data)


def farewell(host: Host, why: str) -> tuple[bytes, int]:
    """The error frame and the close code for a client whose session the server ends."""
    frame = write_frame("error", wire_error(SessionEnded(why)).frame_data())
    return frame, SERVICE_RESTART if host.sessions.stopping else GOING_AWAY
