"""The opening handshake of a WebSocket, as the library ``websockets`` answers it for this server."""

from collections.abc import Sequence

from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from openenv_tasksets.server.access import AccessDenied
from openenv_tasksets.server.conversation import HARD_LIMIT_BYTES
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.errors import told
from openenv_tasksets.server.gate import select_subprotocol
from openenv_tasksets.server.wire import encode_json


def server_protocol() -> ServerProtocol:
    """The library's side of one connection."""
    return ServerProtocol(max_size=HARD_LIMIT_BYTES, select_subprotocol=_select_subprotocol)


def refusal(library: ServerProtocol, exc: AccessDenied, counts: Counts) -> Response:
    """What somebody gets who may not come in: JSON, as over HTTP."""
    error = told(exc, counts)
    response = library.reject(error.status, encode_json(error.http_body()).decode())
    del response.headers["Content-Type"]
    response.headers.update({"Content-Type": "application/json", **error.http_headers()})
    return response


def _select_subprotocol(_library: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    selected = select_subprotocol(offered)
    return None if selected is None else Subprotocol(selected)
