"""What one WebSocket says over ASGI, message by message."""

import pytest

from openenv_tasksets.server.asgi_socket import AsgiSocket, SocketClosed, broke, frame_of

pytestmark = pytest.mark.anyio
CONNECT = {"type": "websocket.connect"}
GONE = {"type": "websocket.disconnect", "code": 1006}


class Server:
    """An ASGI server's side: what it gives, and what it was sent."""

    def __init__(self, *messages):
        self.messages = list(messages)
        self.sent = []
        self.gone = None
        self.socket = AsgiSocket(self.receive, self.send)

    async def receive(self):
        return self.messages.pop(0)

    async def send(self, message):
        if self.gone is not None:
            raise self.gone
        self.sent.append(message)


@pytest.fixture
async def server():
    server = Server(CONNECT)
    await server.socket.accept({"subprotocols": []})
    server.sent.clear()
    return server


@pytest.mark.parametrize(("offered", "answered"), [([], None), (["bearer.secret", "openenv"], "openenv")])
async def test_a_connection_is_accepted_with_the_headers_given_and_never_with_a_token(offered, answered):
    server = Server(CONNECT)
    await server.socket.accept({"subprotocols": offered}, [(b"x-session-id", b"1")])
    assert server.sent == [{"type": "websocket.accept", "subprotocol": answered, "headers": [(b"x-session-id", b"1")]}]
    assert server.socket.open


@pytest.mark.parametrize(("first", "gone"), [(GONE, None), (CONNECT, OSError()), (CONNECT, RuntimeError())])
async def test_a_client_that_is_gone_before_it_is_accepted_is_no_error_of_the_server(first, gone):
    server = Server(first)
    server.gone = gone
    with pytest.raises(SocketClosed):
        await server.socket.accept({"subprotocols": []})
    assert (server.sent, server.socket.open) == ([], False)


async def test_no_frame_is_a_close_and_nothing_follows_it(server):
    assert await server.socket.answer(b'{"a":1}')
    assert not await server.socket.answer(None)
    assert not await server.socket.answer(b"{}")
    await server.socket.end(b"{}", 1001)
    await server.socket.close(1001)
    assert server.sent == [
        {"type": "websocket.send", "text": '{"a":1}'},
        {"type": "websocket.close", "code": 1000},
    ]


async def test_an_end_says_why_first(server):
    await server.socket.end(b"{}", 1013)
    assert server.sent == [{"type": "websocket.send", "text": "{}"}, {"type": "websocket.close", "code": 1013}]


@pytest.mark.parametrize("gone", [OSError(), RuntimeError("after sending 'websocket.close'")])
async def test_whom_no_frame_reaches_is_gone_once_that_is_received(server, gone):
    server.gone = gone
    assert await server.socket.answer(b"{}")
    await server.socket.end(b"{}", 1001)
    assert not server.socket.open


async def test_a_frame_is_text_or_bytes_and_the_client_s_end_is_none():
    assert frame_of({"type": "websocket.receive", "text": "a"}) == "a"
    assert frame_of({"type": "websocket.receive", "bytes": b"a", "text": None}) == b"a"
    with pytest.raises(SocketClosed):
        frame_of(GONE)


async def test_a_client_that_says_so_did_not_break_off():
    assert broke(GONE)
    assert not broke({**GONE, "reason": ""})
