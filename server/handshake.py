"""The opening handshake of a WebSocket, as the library ``websockets`` answers it for this server."""

from collections.abc import Sequence

from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from openenv_tasksets.server.access import AccessDenied
from openenv_tasksets.server.conversation import HARD_LIMIT_BYTES
from openenv_tasksets.server.errors import wire_error
from openenv_tasksets.server.gate import select_subprotocol


def server_protocol() -> ServerProtocol:
    """The library's side of one connection."""
    return ServerProtocol(max_size=HARD_LIMIT_BYTES, select_subprotocol=_select_subprotocol)


def refusal(library: ServerProtocol, exc: AccessDenied) -> Response:
    """What somebody gets who may not come in."""
    error = wire_error(exc)
    response = library.reject(error.status, error.message)
    response.headers.update(error.http_headers())
    return response


def _select_subprotocol(_library: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    selected = select_subprotocol(offered)
    return None if selected is None else Subprotocol(selected)
