"""The server's gate: who somebody is, by the token that is shown, and whether a browser's page may ask at all.

No token is kept or written anywhere: the trainer's is compared by its digest, an agent's is its session's id and what
it may do, signed with a key that lives as long as the process, as sessions do.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.access import ANONYMOUS, TRAINER, AccessDenied, Caller, check

SHORTEST_TOKEN = 16
LONGEST_TOKEN = 512
SUBPROTOCOL = "openenv"
"""What is answered to a browser that shows its token as a WebSocket subprotocol."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+-]+")
_BEARER = "bearer."
_AGENT = "agent"


class Gate:
    """Who may come in.

    Args:
        trainer_token: Of 16 to 512 letters, digits and ``._~+-``; None where everybody is the trainer.
        origins: Of web pages that may ask, such as ``https://example.org``; ``*`` is any. A page on this machine
            or at an IP address may ask the server that it came from.

    Raises:
        TasksetError: The token is none, or an origin is none. The message does not repeat the token.
    """

    def __init__(self, trainer_token: str | None = None, origins: Iterable[str] = ()) -> None:
        if trainer_token is not None:
            _check_token(trainer_token)
        self.origins = tuple(_checked_origin(each) for each in origins)
        self._trainer = None if trainer_token is None else _digest(trainer_token)
        self._key = secrets.token_bytes(32)

    @property
    def open(self) -> bool:
        """Whether nobody needs a token."""
        return self._trainer is None

    def admit(
        self, authorization: str | None, origin: str | None, host: str | None, protocols: str | None = None
    ) -> Caller:
        """Who asks.

        Args:
            authorization: The header of this name; None where there is none.
            origin: The same, which only browsers send.
            host: The same.
            protocols: The WebSocket subprotocols that the client offers, separated by commas.

        Raises:
            AccessDenied: A page of a foreign origin asks.
        """
        if origin is not None and not self._is_known(origin, host):
            raise AccessDenied(f"pages of origin {origin[:100]!r} may not ask this server; see --allow-origin")
        token = _shown(authorization, protocols)
        if token is None:
            return TRAINER if self._trainer is None else ANONYMOUS
        if token.startswith(f"{_AGENT}."):
            return self._agent(token)
        if self._trainer is None or hmac.compare_digest(self._trainer, _digest(token)):
            return TRAINER
        return ANONYMOUS

    def admit_websocket(self, values: Callable[[str], Sequence[str]]) -> Caller:
        """Who asks for a WebSocket, which may at least call tools.

        Args:
            values: Those of a header by its name. Two of one name are no value of it.

        Raises:
            Unauthenticated: It has shown no valid token, and needs one.
            AccessDenied: A page of a foreign origin asks.
        """
        named = (values(name) for name in ("Authorization", "Origin", "Host", "Sec-WebSocket-Protocol"))
        caller = self.admit(*(", ".join(each) if each else None for each in named))
        check(caller, "tools")
        return caller

    def agent_token(self, session_id: str, *, may_step: bool = False) -> str:
        """A token for one session.

        Args:
            session_id: The session.
            may_step: Whether it allows step() beside the tools.
        """
        rights = "step" if may_step else "tools"
        return f"{_AGENT}.{session_id}.{rights}.{self._signature(session_id, rights)}"

    def _agent(self, token: str) -> Caller:
        parts = token.split(".")
        if len(parts) != 4:
            return ANONYMOUS
        _, session_id, rights, signature = parts
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(session_id, rights))):
            return ANONYMOUS
        return Caller("agent", session_id, may_step=rights == "step")

    def _signature(self, session_id: str, rights: str) -> str:
        return hmac.new(self._key, _bytes(f"{session_id}.{rights}"), hashlib.sha256).hexdigest()

    def _is_known(self, origin: str, host: str | None) -> bool:
        if "*" in self.origins or origin.lower() in self.origins:
            return True
        try:
            same = bool(host) and urlsplit(origin).netloc == host
            # By its own name a page could have had its domain point here (DNS rebinding).
            return same and _is_no_domain(urlsplit(f"//{host}").hostname or "")
        except ValueError:
            return False


def select_subprotocol(offered: Iterable[str]) -> str | None:
    """The subprotocol to answer; one that holds a token never is."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _shown(authorization: str | None, protocols: str | None) -> str | None:
    """The token that is shown; empty where an Authorization of another kind is."""
    if authorization is not None:
        scheme, _, token = authorization.strip().partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    for each in (protocols or "").split(","):
        if each.strip().startswith(_BEARER):
            return each.strip().removeprefix(_BEARER)
    return None


def _digest(token: str) -> bytes:
    return hashlib.sha256(_bytes(token)).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _check_token(token: str) -> None:
    if token.startswith(f"{_AGENT}."):
        raise TasksetError(f"the trainer's token begins with '{_AGENT}.', as an agent's does; make another")
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise TasksetError(
            f"the trainer's token must be {SHORTEST_TOKEN} to {LONGEST_TOKEN} letters, digits and ._~+- without "
            "spaces; 'openssl rand -hex 32' makes one"
        )


def _checked_origin(origin: str) -> str:
    parts = urlsplit(origin)
    if origin == "*" or (parts.scheme and parts.netloc and f"{parts.scheme}://{parts.netloc}" == origin):
        return origin.lower()
    raise TasksetError(f"{origin!r} is no origin; write scheme, host and port alone, as in https://example.org, or *")


def _is_no_domain(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True
