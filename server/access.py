"""Who may do what: one pure decision that every border of the server asks."""

from dataclasses import dataclass
from typing import Literal

from openenv_tasksets.loaders.errors import TasksetError

Role = Literal["trainer", "agent", "anonymous"]
Deed = Literal["greet", "read", "tools", "step", "control"]
"""What is asked for.

- ``greet``: whether the server lives;
- ``read``: what the environment is, with its schemas: nothing of any task;
- ``tools``: list and call the tools of a session, or attach to it;
- ``step``: take an action in a session, and see its reward;
- ``control``: everything else: choosing, listing and resetting tasks, state, making and ending sessions.
"""


class AccessDenied(TasksetError):
    """Who asks may not do this."""


class Unauthenticated(AccessDenied):
    """Who asks has shown no valid token, and needs one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        role: The trainer may do anything; an agent acts in one session; anybody may greet.
        session_id: An agent's session; None for others.
        may_step: Whether an agent may step, beside calling tools.
    """

    role: Role
    session_id: str | None = None
    may_step: bool = False

    def named(self, session_id: str | None) -> str | None:
        """The session that a request is about: the one it names, else an agent's own, else none."""
        return session_id or self.session_id


TRAINER = Caller("trainer")
ANONYMOUS = Caller("anonymous")


def refusal(caller: Caller, deed: Deed, session_id: str | None = None) -> str | None:
    """Why a caller may not do this; None where it may.

    Args:
        caller: Who asks.
        deed: What is asked for.
        session_id: The session that it is about; None where it is about none, or about the caller's own.
    """
    if caller.role == "trainer" or deed == "greet":
        return None
    if caller.role == "anonymous":
        return "a valid token is needed: send it as 'Authorization: Bearer TOKEN'"
    if deed == "read":
        return None
    if deed == "control":
        return "this is the trainer's to do; an agent's token is for the tools of its session"
    if session_id is not None and session_id != caller.session_id:
        # The same whether there is such a session or not.
        return "this token is for another session"
    if deed == "step" and not caller.may_step:
        return "this token does not allow step(); call the session's tools"
    return None


def check(caller: Caller, deed: Deed, session_id: str | None = None) -> None:
    """Refuse what a caller may not do; arguments as for ``refusal``.

    Raises:
        Unauthenticated: It needs a token.
        AccessDenied: It may not.
    """
    why = refusal(caller, deed, session_id)
    if why is not None:
        raise Unauthenticated(why) if caller.role == "anonymous" else AccessDenied(why)


_ROUTES: dict[tuple[str, str], Deed] = {
    ("GET", "/health"): "greet",
    **{("GET", path): "read" for path in ("/metadata", "/schema", "/openapi.json", "/docs", "/redoc")},
    ("POST", "/step"): "step",
    **{(method, "/mcp"): "tools" for method in ("GET", "POST", "DELETE")},
}


def http_deed(method: str, path: str) -> Deed:
    """What an HTTP request asks for. A route that is not named here is the trainer's.

    Args:
        method: In capital letters.
        path: Below the environment's, such as ``/step``.
    """
    return _ROUTES.get((method, path), "control")
