"""One table: what an error is called on the WebSocket and which status it has over HTTP."""

import logging
import math
import traceback
import uuid
from dataclasses import dataclass
from typing import Any

from openenv_tasksets.loaders.errors import (
    EnvironmentFailed,
    PolicyError,
    ResetNeeded,
    SelectionError,
    SplitEndless,
    SplitNotFound,
    TaskNotFound,
    TasksetError,
    TimeExceeded,
)
from openenv_tasksets.server.access import AccessDenied, Unauthenticated
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.rate_limit import RateExceeded
from openenv_tasksets.server.runtime import UpstreamLost
from openenv_tasksets.server.session import SessionEnded
from openenv_tasksets.server.sessions import ServerStopping
from openenv_tasksets.server.slots import CapacityReached

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 1


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as clients see it.

    Attributes:
        code: The WebSocket's error code.
        status: The HTTP status.
        message: Text without hidden values and without the text of foreign exceptions.
        facts: What stands beside the message, such as ``errors`` or ``error_id``.
    """

    code: str
    status: int
    message: str
    facts: dict[str, Any]

    def frame_data(self) -> dict[str, Any]:
        """The ``data`` of an error frame."""
        return {"message": self.message, "code": self.code, **self.facts}

    def http_body(self) -> dict[str, Any]:
        """The body of an HTTP error."""
        facts = dict(self.facts)
        detail = facts.pop("errors", self.message)
        # Such a status may come from elsewhere too; OpenEnv's other errors have no code over HTTP.
        code = {"code": self.code} if self.code in _TOLD_OVER_HTTP else {}
        return {"detail": detail, **code, **facts}

    def http_headers(self) -> dict[str, str]:
        """The headers of an HTTP error: when to try again, where that may help, and what a 401 asks for."""
        if self.status == 401:
            return {"www-authenticate": "Bearer"}
        if self.status not in (429, 503):
            return {}
        return {"retry-after": str(max(1, math.ceil(self.facts.get("wait_seconds", RETRY_AFTER_S))))}


_TOLD_OVER_HTTP = frozenset(
    (
        "SESSION_ERROR",
        "UNAUTHENTICATED",
        "ACCESS_DENIED",
        "CAPACITY_REACHED",
        "SERVER_STOPPING",
        "RATE_EXCEEDED",
        "UPSTREAM_LOST",
    )
)
_TABLE: dict[type[BaseException], tuple[str, int]] = {
    SplitNotFound: ("VALIDATION_ERROR", 404),
    TaskNotFound: ("VALIDATION_ERROR", 400),
    SplitEndless: ("VALIDATION_ERROR", 501),
    SelectionError: ("VALIDATION_ERROR", 422),
    PolicyError: ("VALIDATION_ERROR", 422),
    ResetNeeded: ("RESET_NEEDED", 409),
    TimeExceeded: ("TIME_EXCEEDED", 504),
    SessionEnded: ("SESSION_ERROR", 404),
    Unauthenticated: ("UNAUTHENTICATED", 401),
    AccessDenied: ("ACCESS_DENIED", 403),
    CapacityReached: ("CAPACITY_REACHED", 503),
    ServerStopping: ("SERVER_STOPPING", 503),
    RateExceeded: ("RATE_EXCEEDED", 429),
    UpstreamLost: ("UPSTREAM_LOST", 502),
    Exception: ("EXECUTION_ERROR", 500),
}


def wire_error(exc: Exception) -> WireError:
    """Look an exception up along its class's bases.

    What this library raised on purpose keeps its message. Anything else becomes an id, under which the log tells
    where it was raised.
    """
    code, status = _looked_up(exc)
    facts: dict[str, Any] = {}
    message = exc.message if isinstance(exc, TasksetError) else "internal error"
    if isinstance(exc, PolicyError):
        facts["errors"] = list(exc.details)
    elif isinstance(exc, SelectionError) and status == 422:
        facts["errors"] = [{"type": "value_error", "loc": ["body"], "msg": message}]
    elif isinstance(exc, CapacityReached):
        facts.update(active_sessions=exc.active_sessions, max_sessions=exc.max_sessions)
    elif isinstance(exc, RateExceeded):
        facts["wait_seconds"] = round(exc.wait_seconds, 3)
    elif isinstance(exc, EnvironmentFailed) or not isinstance(exc, TasksetError):
        facts["error_id"] = uuid.uuid4().hex[:12]
        logger.error("error %s: %s\n%s", facts["error_id"], message, where_raised(exc))
    return WireError(code, status, message, facts)


def told(exc: Exception, counts: Counts | None, session_id: str | None = None) -> WireError:
    """As ``wire_error``, for a client that is about to be told: it is counted.

    Args:
        exc: The exception.
        counts: Of the environment that the client asked; None where it asked none.
        session_id: The session that it is about, if there is one.
    """
    error = wire_error(exc)
    if counts is not None:
        counts.error(error.code, session_id, error.facts.get("error_id"))
    return error


def code_of(exc: Exception) -> str:
    """The WebSocket's error code of an exception."""
    return _looked_up(exc)[0]


def _looked_up(exc: Exception) -> tuple[str, int]:
    return next(_TABLE[base] for base in type(exc).__mro__ if base in _TABLE)


def where_raised(exc: BaseException) -> str:
    """The tracebacks of an exception and its causes, the first cause first.

    Without the text of foreign exceptions and without lines of code: an environment's may well hold the answer.
    """
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    lines = []
    for each in reversed(chain):
        frames = traceback.walk_tb(each.__traceback__)
        lines += [f'  File "{at.f_code.co_filename}", line {line}, in {at.f_code.co_name}' for at, line in frames]
        if isinstance(each, TasksetError):
            # Notes are ours: what another process said of it.
            lines += [*getattr(each, "__notes__", ()), f"{type(each).__name__}: {each}"]
        else:
            lines.append(type(each).__name__)
    return "\n".join(lines)
