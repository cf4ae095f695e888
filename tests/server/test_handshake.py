"""The opening handshake, answered to the client of the library ``websockets``."""

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.uri import parse_uri

from openenv_tasksets.server.access import AccessDenied, Unauthenticated
from openenv_tasksets.server.conversation import HARD_LIMIT_BYTES
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.handshake import refusal, server_protocol


def shaken(offered, answer):
    """The client after a handshake, and the server."""
    client, server = ClientProtocol(parse_uri("ws://localhost/ws"), subprotocols=offered), server_protocol()
    client.send_request(client.connect())
    server.receive_data(b"".join(client.data_to_send()))
    (request,) = server.events_received()
    server.send_response(answer(server, request))
    client.receive_data(b"".join(server.data_to_send()))
    return client, server


@pytest.mark.parametrize(
    ("offered", "answered"),
    [(None, None), (["openenv"], "openenv"), (["bearer.secret", "openenv"], "openenv"), (["bearer.secret"], None)],
)
def test_no_subprotocol_that_holds_a_token_is_answered(offered, answered):
    client, server = shaken(offered, lambda server, request: server.accept(request))
    assert client.handshake_exc is None
    assert client.subprotocol == server.subprotocol == answered


def test_what_is_beyond_the_hard_limit_is_not_read():
    client, server = shaken(None, lambda server, request: server.accept(request))
    client.send_text(b"x" * (HARD_LIMIT_BYTES + 1))
    server.receive_data(b"".join(client.data_to_send()))
    assert server.close_sent.code == 1009


@pytest.mark.parametrize(
    ("error", "status", "challenge"), [(Unauthenticated("who?"), 401, "Bearer"), (AccessDenied("not you"), 403, None)]
)
def test_who_may_not_come_in_is_told_why(error, status, challenge):
    client, _ = shaken(None, lambda server, _request: refusal(server, error, Counts("quiz")))
    assert isinstance(client.handshake_exc, InvalidStatus)
    response = client.handshake_exc.response
    assert (response.status_code, response.headers.get("WWW-Authenticate")) == (status, challenge)
    assert error.message in response.body.decode()
