"""What is said to an OpenEnv server, and what its answers mean. Nothing that it says in words is repeated.

The text of its errors may hold the answer; its log has them.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, ResetNeeded, TasksetError
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.runtime import UpstreamLost
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.wire import FrameError, decode_json
from openenv_tasksets.wire_value import FRAME_BYTES, NoWireForm, wire_json

Asked = Literal["reset", "step", "state", "mcp"]

_ANSWERS: Mapping[Asked, str] = {"reset": "observation", "step": "observation", "state": "state", "mcp": "mcp"}
_CODE = re.compile(r"[A-Z][A-Z_]{0,39}", re.ASCII)
_ENDS = frozenset(("SESSION_ERROR", "SERVER_STOPPING", "TIME_EXCEEDED", "UPSTREAM_LOST"))
"""Codes after which there is no session, or no environment in it."""
_MOST_DETAILS = 20
_MOST_SHOWN = 200


def write_request(name: str, asked: Asked, data: Mapping[str, Any] | None = None) -> bytes:
    """A request as a frame; values of rows take their wire form.

    Args:
        name: The environment's, for errors.
        asked: The request's type.
        data: Its data; None for ``state``.

    Raises:
        EnvironmentFailed: A value has no wire form, or the frame is larger than an OpenEnv server takes.
    """
    frame: dict[str, Any] = {"type": asked} if data is None else {"type": asked, "data": data}
    try:
        written = wire_json(frame)
    except NoWireForm as exc:
        raise EnvironmentFailed(f"environment {name!r}: what {asked} sends cannot be written as JSON: {exc}") from None
    if len(written) > FRAME_BYTES:
        raise EnvironmentFailed(
            f"environment {name!r}: what {asked} sends is {len(written):,} bytes; "
            f"an OpenEnv server takes {FRAME_BYTES:,} at most"
        )
    return written


def read_answer(name: str, asked: Asked, frame: str | bytes) -> dict[str, Any]:
    """The data of the answer to a request.

    Args:
        name: The environment's, for errors.
        asked: The request's type.
        frame: What came.

    Raises:
        CapacityReached: The server has no session left.
        PolicyError: It refuses the action.
        ResetNeeded: It has no episode.
        UpstreamLost: It has no session any more, or this is no answer to such a request.
        EnvironmentFailed: Any other error of its.
    """
    kind, data = _parts(frame)
    if data is None or kind not in ("error", _ANSWERS[asked]):
        raise UpstreamLost(f"environment {name!r} answered {asked} with something else; reset() begins anew")
    if kind == "error":
        raise _failure(name, asked, data)
    return data


def read_unasked(name: str, frame: str | bytes) -> CapacityReached | UpstreamLost:
    """The error that a frame is which nobody asked for: a server says so that it is full, or ends the session."""
    kind, data = _parts(frame)
    failure = _failure(name, "state", data) if kind == "error" and data is not None else None
    if isinstance(failure, CapacityReached | UpstreamLost):
        return failure
    return UpstreamLost(f"environment {name!r} said what was not asked for; reset() begins anew")


def read_outcome(name: str, data: Mapping[str, Any]) -> Outcome:
    """The outcome that an observation's data are, unchanged.

    Raises:
        UpstreamLost: It is none of OpenEnv's form.
    """
    observation, reward, done = data.get("observation"), data.get("reward"), data.get("done", False)
    if not isinstance(observation, dict) or not isinstance(reward, bool | int | float | None):
        raise UpstreamLost(f"environment {name!r} gave no observation with a reward; reset() begins anew")
    return Outcome(observation, reward, bool(done))


def _parts(frame: str | bytes) -> tuple[Any, dict[str, Any] | None]:
    try:
        message = decode_json(frame)
    except FrameError:
        message = None
    data = message.get("data") if isinstance(message, dict) else None
    return (message["type"], data) if isinstance(data, dict) and "type" in message else (None, None)


def _failure(name: str, asked: Asked, data: Mapping[str, Any]) -> TasksetError:
    given = data.get("code")
    code = given if isinstance(given, str) and _CODE.fullmatch(given) else "an unknown code"
    if code == "CAPACITY_REACHED":
        return CapacityReached(_count(data.get("active_sessions")), _count(data.get("max_sessions")))
    if code == "VALIDATION_ERROR" and asked == "step":
        return PolicyError("Invalid message", _details(data.get("errors")))
    if code == "RESET_NEEDED":
        return ResetNeeded(f"environment {name!r} has no episode; call reset()")
    if code in _ENDS:
        return UpstreamLost(f"environment {name!r} ended the session in {asked} ({code}); reset() begins anew")
    if code == "FACTORY_ERROR":
        return UpstreamLost(f"environment {name!r} could not be made ({code}); its server's log tells more")
    return EnvironmentFailed(f"environment {name!r} failed in {asked} ({code}); its server's log tells more")


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0


def _details(errors: Any) -> list[dict[str, object]]:
    """Type, place and message of each mistake, without what was sent."""
    found: list[dict[str, object]] = []
    for each in errors[:_MOST_DETAILS] if isinstance(errors, list) else ():
        if isinstance(each, dict):
            place = each.get("loc")
            found.append(
                {
                    "type": str(each.get("type", "value_error"))[:_MOST_SHOWN],
                    "loc": [part for part in place if isinstance(part, str | int)] if isinstance(place, list) else [],
                    "msg": str(each.get("msg", "not accepted"))[:_MOST_SHOWN],
                }
            )
    return found
